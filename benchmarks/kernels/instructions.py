"""How many instructions our ways execute for a voxel, and of what kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import numpy as np
from case import Case
from computing import cut
from machine_code import disassembled
from numba.core.dispatcher import Dispatcher
from processor import clock_ghz
from stepping import Executed, executed

SURE = 0.999
"""Voxels whose likeliest class has more are sure."""
LEAST_ROWS, LEAST_STRIPS, MOST_STRIPS = 8, 2, 8


def counted(way: Callable[[Case], Callable[[], Any]], case: Case, budget: int) -> dict[str, Any]:
    """What the compiled loops of a way do for a voxel, counted on some strips of the case.

    Parameters
    ----------
    way : callable
        Makes a call of a case.
    case : Case
        What the strips are taken from.
    budget : int
        About how many instructions the compiled loops may execute in all strips; it decides how many there
        are and how large.

    Returns
    -------
    dict
        ``per_voxel``: what a voxel costs beyond what a call costs whatever its size, which one row of voxels
        tells. ``elsewhere``: instructions of the interpreter and of libraries for a call on that row.
    """
    row = cut(case, slice(0, 1), slice(0, 1))
    whole_call = executed(way(row))
    of_a_call = tally(whole_call)

    def beyond_a_call(strip: Case) -> Counter[str]:
        found = tally(executed(way(strip), Dispatcher))
        found.subtract(of_a_call)
        return found

    (few,) = strips(case, 1, LEAST_ROWS)
    of_a_row = beyond_a_call(few)["instructions"] / (LEAST_ROWS - 1)
    n_rows = max(LEAST_ROWS, int(budget / (MOST_STRIPS * of_a_row)))
    n_strips = max(LEAST_STRIPS, min(MOST_STRIPS, int(budget / (n_rows * of_a_row))))
    total: Counter[str] = Counter()
    n_voxels = 0
    for strip in strips(case, n_strips, n_rows):
        total.update(beyond_a_call(strip))
        n_voxels += strip.n_voxels - row.n_voxels
    return {
        "clock_ghz": clock_ghz(),
        "grid": list(case.grid),
        "n_voxels": n_voxels,
        "per_voxel": {what: round(n / n_voxels, 4) for what, n in sorted(total.items())},
        "elsewhere": whole_call.elsewhere,
    }


def strips(case: Case, n: int, n_rows: int) -> Iterator[Case]:
    """Pieces of some rows of two planes, or of more where two have too few; as unsure as the whole case.

    All pieces are put in the order of how many of their voxels are unsure, and some taken at equal distances.
    """
    depth = min(case.grid[0], max(2, ceil(n_rows / case.grid[1])))
    height = max(1, min(case.grid[1], n_rows // depth))
    counts = case.grid[0] // depth, case.grid[1] // height
    unsure = (case.probs.max(0) < SURE)[: counts[0] * depth, : counts[1] * height]
    shares = unsure.reshape(counts[0], depth, counts[1], -1).mean((1, 3)).ravel()
    order = np.argsort(shares, kind="stable")
    for index in range(n):
        z, y = np.unravel_index(order[(2 * index + 1) * len(order) // (2 * n)], counts)
        yield cut(case, slice(z * depth, (z + 1) * depth), slice(y * height, (y + 1) * height))


def tally(found: Executed) -> Counter[str]:
    """How many instructions, conditional jumps, vector instructions, bytes, and vector registers by width."""
    kinds = disassembled(found.code)
    total: Counter[str] = Counter()
    for address, n in found.compiled.items():
        kind = kinds[address]
        total["instructions"] += n
        total["jumps"] += n * kind.jump
        total["vector"] += n * kind.vector
        total["bytes_loaded"] += n * kind.loaded
        total["bytes_stored"] += n * kind.stored
        if kind.computes:
            total[f"computed_{kind.width}"] += n
        if kind.width and kind.loaded:
            total[f"loaded_{kind.loaded}"] += n
        if kind.width and kind.stored:
            total[f"stored_{kind.stored}"] += n
    return total
