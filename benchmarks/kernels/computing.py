"""What a way costs apart from memory: pieces of the case that stay in the caches, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from case import Case
from stopwatch import timed

PARTS = 4
"""Pieces along the second axis, and one piece in so many along the first."""
ROUNDS = 5


def computing_ms(way: Callable[[Case], Callable[[], Any]], case: Case) -> float:
    """Milliseconds for all voxels of a case, from the fastest call on every piece of a quarter of them.

    What a call costs whatever the number of voxels is measured on a few, and taken away.
    """
    seconds, n_voxels = 0.0, 0
    of_a_call = fastest(way(cut(case, slice(0, 1), slice(0, 1))))
    for piece in pieces(case):
        seconds += fastest(way(piece)) - of_a_call
        n_voxels += piece.n_voxels
    return 1e3 * seconds * case.n_voxels / n_voxels


def pieces(case: Case) -> Iterator[Case]:
    """A quarter of the voxels, spread over all of the case."""
    depth, height = max(1, case.grid[0] // 32), case.grid[1] // PARTS
    for z in range(0, case.grid[0], PARTS * depth):
        for y in range(0, case.grid[1], height):
            yield cut(case, slice(z, z + depth), slice(y, y + height))


def cut(case: Case, planes: slice, rows: slice) -> Case:
    """A part of a case, its arrays without gaps."""

    def part(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array[..., planes, rows, :].copy()

    labels = part(case.labels)
    piece = replace(case, grid=labels.shape)
    vars(piece).update(
        labels=labels,
        probs=part(case.probs),
        segmentation=part(case.segmentation),
        logits=[part(logits) for logits in case.logits],
        entropy=np.zeros(labels.shape, np.float32),
    )
    return piece


def fastest(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of some calls, after one that brings everything into the caches."""
    run()
    return min(timed(run) for _ in range(ROUNDS))
