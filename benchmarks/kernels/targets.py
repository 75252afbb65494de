"""What we want to reach, and whether a run reached it."""

from __future__ import annotations

from typing import Any, NamedTuple

MEMORY_MB = 64


class Target(NamedTuple):
    """Ratios of medians with the largest number of threads."""

    floor: float | None = None
    """At most so many times the floor."""
    peer: str = ""
    speedup: float = 0.0
    """At least so many times as fast as this peer."""


CHAIN = "SciPy + scikit-image + torchmetrics + MONAI"
TARGETS = {
    "entropy": Target(1.5, "scipy.stats.entropy", 20),
    "contour": Target(2.0),
    "calibration": Target(1.5),
    "class_calibration": Target(1.5),
    "analysis": Target(2.5, CHAIN, 60),
    "moments": Target(2.0, "torch, running", 15),
}
"""Of the first of our ways in each task."""


def rows(found: dict[str, Any]) -> list[list[str]]:
    """A table: what, wanted, measured, met or not."""
    lines = [["", "wanted", "measured", ""]]
    for name, target in TARGETS.items():
        if name not in found["tasks"]:
            continue
        task = found["tasks"][name]
        ways = list(task["threads"].values())[-1]["ways"]
        way = next(way for way in ways if way.startswith("ckpt_uq"))
        ours = ways[way]["median_ms"]
        if target.floor is not None:
            ratio = ours / ways["floor"]["median_ms"]
            wanted = f"<= {target.floor} x floor"
            lines.append(line(way, name, wanted, f"{ratio:.1f} x", ratio <= target.floor))
        if target.peer:
            ratio = ways[target.peer]["median_ms"] / ours
            wanted = f">= {target.speedup:.0f} x as fast as {target.peer}"
            lines.append(line(way, name, wanted, f"{ratio:.1f} x", ratio >= target.speedup))
        extra = max(0.0, task["extra_mb"][way] - kept_mb(name, found))
        lines.append(line(way, name, f"<= {MEMORY_MB} MB extra", f"{extra:.0f} MB", extra <= MEMORY_MB))
    return lines


def kept_mb(name: str, found: dict[str, Any]) -> float:
    """Accumulators that the call makes and gives back: mean probability and mean entropy of the members."""
    if name != "moments":
        return 0.0
    voxels = 1.0
    for size in found["grid"]:
        voxels *= size
    return 4 * (found["n_classes"] + 1) * voxels / 1e6


def line(way: str, name: str, wanted: str, measured: str, met: bool) -> list[str]:
    """One row."""
    return [f"{name.replace('_', ' ')} ({way})", wanted, measured, "met" if met else "**not met**"]
