"""The most memory that a call takes beyond what the process had (Linux)."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_extra_mb(run: Callable[[], Any]) -> float:
    """Peak resident memory of a call above that before it, its result included."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = status_mb("VmRSS")
    result = run()
    peak = status_mb("VmHWM")
    del result
    return round(max(0.0, peak - before), 1)


def status_mb(field: str) -> float:
    """Memory of this process: VmRSS is what is resident, VmHWM the most that was."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def meminfo_gb(field: str) -> float:
    """Memory of the machine: MemTotal, or MemAvailable."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith(field))
    return round(int(line.split()[1]) * 1024 / 1e9, 1)
