"""Results as files: what was measured, on what, when, with which versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from resident import meminfo_gb
from stopwatch import load_average

from ckpt_uq.demo.machine import machine, versions
from ckpt_uq.io.atomic import atomic_path

RESULTS = Path(__file__).parents[1] / "results"

PEERS = (
    "llvmlite",
    "monai",
    "netcal",
    "numexpr",
    "opencv-python-headless",
    "scikit-image",
    "scikit-learn",
    "surface-distance",
    "torch-uncertainty",
    "torchmetrics",
    "triton",
)


def provenance() -> dict[str, Any]:
    """Date, machine and versions."""
    on = {key: value for key, value in machine().items() if key != "torch_threads"}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**on, "memory_gb": meminfo_gb("MemTotal"), "load_average": load_average()},
        "versions": {**versions(), **{name: version(name) for name in PEERS if _installed(name)}},
    }


def write(name: str, found: dict[str, Any]) -> Path:
    """Put a result where the page's generator finds it."""
    path = RESULTS / f"{name}.json"
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps({**provenance(), **found}, indent=1) + "\n")
    return path


def read(name: str) -> dict[str, Any] | None:
    """What an earlier run wrote, as JSON gives it back."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
