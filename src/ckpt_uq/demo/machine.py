"""What numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ckpt_uq._version import __version__

PACKAGES = ("torch", "numpy", "numba", "scipy")


def machine() -> dict[str, Any]:
    """Processor, cores and threads; sums in torch depend on the number of threads in their last bits."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }


def versions() -> dict[str, str]:
    """Versions of this library, of Python, and of what does the arithmetic."""
    return {
        "ckpt_uq": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
