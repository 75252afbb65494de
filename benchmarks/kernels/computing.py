"""What a way costs apart from memory: pieces of the case that stay in the caches, some side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import numpy as np
from case import Case

PARTS = 4
"""Pieces along the second axis, and one piece in so many along the first."""
ROUNDS = 5


def computing_ms(way: Callable[[Case], Callable[[], Any]], case: Case, threads: int) -> float:
    """Milliseconds for all voxels of a case, from the fastest calls on every piece of a quarter of them.

    So many threads do the same at once, each with a copy of the piece. What a call costs whatever the number
    of voxels is measured on a few, and taken away.
    """
    seconds, n_voxels = 0.0, 0
    with ThreadPoolExecutor(threads) as pool:

        def fastest(piece: Case) -> float:
            return fastest_of(pool, [way(copied(piece)) for _ in range(threads)])

        of_a_call = fastest(cut(case, slice(0, 1), slice(0, 1)))
        for piece in pieces(case):
            seconds += fastest(piece) - of_a_call
            n_voxels += threads * piece.n_voxels
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


def copied(case: Case) -> Case:
    """The same in other memory."""
    return cut(case, slice(None), slice(None))


def fastest_of(pool: ThreadPoolExecutor, runs: Sequence[Callable[[], Any]]) -> float:
    """Seconds of the fastest of some rounds, after one that brings everything into the caches."""
    ready = Barrier(len(runs))

    def at_once(run: Callable[[], Any]) -> tuple[float, float]:
        ready.wait()
        started = time.perf_counter()
        run()
        return started, time.perf_counter()

    def a_round() -> float:
        started, ended = zip(*pool.map(at_once, runs), strict=True)
        return max(ended) - min(started)

    return min([a_round() for _ in range(1 + ROUNDS)][1:])
