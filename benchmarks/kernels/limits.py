"""The least time that counted instructions can take, and how near to it computing comes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def least_ms(counted: Mapping[str, Any], most: Mapping[str, Any]) -> tuple[float, str]:
    """Milliseconds for all voxels of a case on one core, and what it would be busy with then.

    Parameters
    ----------
    counted : mapping
        Of a task, as instructions.py counts it.
    most : mapping
        What a core does in a cycle at the most: a `Peak` of processor.py.
    """
    needed = cycles(counted["per_voxel"], most)
    what = max(needed, key=lambda part: needed[part])
    return needed[what] * math.prod(counted["grid"]) / (1e6 * counted["clock_ghz"]), what


def cycles(per_voxel: Mapping[str, float], most: Mapping[str, Any]) -> dict[str, float]:
    """Cycles of a voxel that a core needs at the least for each thing it does side by side."""
    needed = {"starting": (per_voxel["instructions"] - per_voxel["jumps"]) / most["started"]}
    for busy, what in (("computing", "computed"), ("loading", "loaded"), ("storing", "stored")):
        needed[busy] = registers(per_voxel, what, most["register_bytes"]) / most[what]
    return needed


def registers(per_voxel: Mapping[str, float], what: str, register_bytes: int) -> float:
    """Vector registers of a width that are computed, loaded or stored for a voxel."""
    total = 0.0
    for key, n in per_voxel.items():
        kind, _, width = key.partition("_")
        if kind == what:
            total += n * math.ceil(int(width) / register_bytes)
    return total


def per_cycle(counted: Mapping[str, Any], computing_ms: float) -> float:
    """Instructions that one core executes in a cycle, where all voxels take it some milliseconds."""
    cycles_taken = computing_ms * 1e6 * counted["clock_ghz"]
    return float(counted["per_voxel"]["instructions"] * math.prod(counted["grid"]) / cycles_taken)
