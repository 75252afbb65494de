"""What a way costs apart from memory: pieces of the case that stay in the caches, some side by side."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
from case import Case

PARTS = 4
"""Pieces along the second axis, and one piece in so many along the first."""
ROUNDS = 3
SECONDS = 0.005
"""Of a round: so long that processes beside each other are at it at the same time."""


def computing_ms(way: Callable[[Case], Callable[[], Any]], case: Case, at_once: int) -> float:
    """Milliseconds for all voxels of a case, from the fastest rounds on every piece of a quarter of them.

    So many processes do the same at once, each with arrays of its own, and share the voxels. What a call
    costs whatever their number is measured on a few, and taken away.
    """
    fork = multiprocessing.get_context("fork")  # the case is there already
    ready, lines = fork.Barrier(at_once), fork.SimpleQueue()
    others = [fork.Process(target=one_of_them, args=(way, case, ready, lines)) for _ in range(at_once)]
    for other in others:
        other.start()
    found = np.array([lines.get() for _ in others])  # (processes, pieces, rounds), seconds
    for other in others:
        other.join()
    fastest = found.mean(0).min(1)
    n_voxels = at_once * sum(piece.n_voxels for piece in pieces(case))
    return float(1e3 * (fastest[1:] - fastest[0]).sum() * case.n_voxels / n_voxels)


def one_of_them(way: Callable[[Case], Callable[[], Any]], case: Case, ready: Barrier, lines: Any) -> None:
    """Measure a call on a few voxels, and on every piece, when all are ready."""
    few = cut(case, slice(0, 1), slice(0, 1))
    lines.put([[seconds(way(piece), ready) for _ in range(ROUNDS)] for piece in (few, *pieces(case))])


def seconds(run: Callable[[], Any], ready: Barrier) -> float:
    """Of a call, on average over a round; after one that brings everything into the caches."""
    run()
    ready.wait()
    started, n = time.perf_counter(), 0
    while time.perf_counter() < started + SECONDS:
        run()
        n += 1
    return (time.perf_counter() - started) / n


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
