"""What we want to reach, and whether a run reached it."""

from __future__ import annotations

import math
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
    """A table: what, wanted, measured by medians and by the fastest calls, met or not by the medians."""
    lines = [["", "wanted", "medians", "fastest calls", ""]]
    for name, target in TARGETS.items():
        if name not in found["tasks"]:
            continue
        task = found["tasks"][name]
        ways = list(task["threads"].values())[-1]["ways"]
        way = next(way for way in ways if way.startswith("ckpt_uq"))
        title = f"{name.replace('_', ' ')}: {way}"
        if target.floor is not None:
            ratios = quotients(ways[way], ways["floor"])
            wanted = f"at most {target.floor} times the floor"
            lines.append([title, wanted, *map(short, ratios), verdict(ratios[0] <= target.floor)])
        if target.peer:
            ratios = quotients(ways[target.peer], ways[way])
            wanted = f"at least {target.speedup:.0f} times as fast as {target.peer}"
            lines.append([title, wanted, *map(short, ratios), verdict(ratios[0] >= target.speedup)])
        extra = max(
            0.0, task["extra_mb"][way] - kept_mb(name, task.get("grid", found["grid"]), found["n_classes"])
        )
        wanted = f"at most {MEMORY_MB} MB of extra memory"
        lines.append([title, wanted, f"{extra:.0f}", "", verdict(extra <= MEMORY_MB)])
    return lines


def quotients(above: dict[str, float], below: dict[str, float]) -> tuple[float, float]:
    """Ratio of the medians, and of the fastest calls."""
    return above["median_ms"] / below["median_ms"], above["min_ms"] / below["min_ms"]


def kept_mb(name: str, grid: list[int], n_classes: int) -> float:
    """Accumulators that the call makes and gives back: mean probability and mean entropy of the members."""
    if name != "moments":
        return 0.0
    return 4 * (n_classes + 1) * math.prod(grid) / 1e6


def short(ratio: float) -> str:
    """Two digits or so."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def verdict(met: bool) -> str:
    """In words."""
    return "met" if met else "**not met**"
