"""Distances in space, exact: the nearest of all voxels of a mask.

Squared distances add up axis by axis, so a line of voxels at a time is compared with itself, shifted, for as
long as a further shift could bring something nearer. Sums are of the axes in order, in double precision, and
the least of them is found whatever the order of the comparisons.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import double_bits
from ckpt_uq.kernels.blocks import map_blocks
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]

_FAR = np.int32(2**30)  # more steps than an axis has
_PLANES_AT_ONCE = 8  # where they are large: fresh memory costs as much as what is done in it


def distance_to(mask: Array, spacing: tuple[float, ...], limit: float = math.inf) -> Array:
    """Distance in mm of every voxel's centre to the nearest voxel of a mask, float64.

    Infinite without one, or where it is more than ``limit``: what is near is found sooner than what is far.
    Memory beyond the result is four bytes a voxel, and a few planes across the first axis.
    """
    distance: Array = np.zeros(mask.shape)
    _add_distance(mask, spacing, limit, distance)
    return distance


def distance_to_other_side(mask: Array, spacing: tuple[float, ...], limit: float = math.inf) -> Array:
    """Distance in mm of every voxel's centre to the nearest voxel across the mask's boundary, float64.

    For a voxel inside that is the nearest outside, and the other way round; infinite where a mask that is
    empty or full has no boundary, or beyond ``limit``. Nothing lies beyond the grid's border.
    """
    distance = distance_to(mask, spacing, limit)
    _add_distance(~mask, spacing, limit, distance)  # one of the two is 0
    return distance


def _add_distance(mask: Array, spacing: tuple[float, ...], limit: float, distance: Array) -> None:
    if not mask.size:
        return
    n_planes, *lengths = mask.shape
    planes = np.ascontiguousarray(mask).reshape(n_planes, -1).view(np.uint8)
    n_steps, sums = np.empty(planes.shape, np.int32), distance.reshape(planes.shape)
    costs = np.full((len(lengths), max(lengths, default=0)), np.inf)
    for cost, length, step in zip(costs, lengths, spacing[1:], strict=True):
        away = np.arange(length) * step
        cost[:length] = np.where(away <= limit, away**2, np.inf)

    def sweep(start: int, stop: int) -> None:
        _count_steps(planes, start, stop, n_steps)

    def add(start: int, stop: int) -> None:
        some = slice(start, stop)
        _add_planes(n_steps[some], spacing[0], np.array(lengths, np.int64), costs, limit, sums[some])

    map_blocks(sweep, planes.shape[1], n_planes)
    map_blocks(add, n_planes, planes.shape[1] // _PLANES_AT_ONCE)


@jit
def _count_steps(mask: Array, start: int, stop: int, n_steps: Array) -> None:
    """Count the planes to the nearest one where the mask is set, up or down, for some columns."""
    n = stop - start
    last = np.full(n, _FAR, np.int32)
    for i in range(len(mask)):
        inside, steps = mask[i, start:stop], n_steps[i, start:stop]
        for j in range(n):
            further = np.int32(min(last[j], _FAR - np.int32(1)) + np.int32(1))
            last[j] = np.int32(0) if inside[j] else further
            steps[j] = last[j]
    for i in range(len(mask) - 2, -1, -1):
        steps = n_steps[i, start:stop]
        for j in range(n):
            last[j] = min(steps[j], np.int32(last[j] + np.int32(1)))
            steps[j] = last[j]


@jit
def _add_planes(
    n_steps: Array, step: float, lengths: Array, costs: Array, limit: float, distance: Array
) -> None:
    """Add the distances of some planes, whose axes have these lengths, to what is there."""
    size = n_steps.shape[1]
    nearest, nearer, everything = np.empty(size), np.empty(size), np.full(costs.shape[1], np.int64(-1))
    for i in range(len(n_steps)):
        _square(n_steps[i], step, nearest)
        inner = size
        for axis in range(len(lengths)):
            line = inner
            inner //= lengths[axis]
            for start in range(0, size, line):
                there, here = nearest[start : start + line], nearer[start : start + line]
                reached = everything[:line] if inner == 1 else _reached(there, inner)
                _shift(there, inner, costs[axis], reached, here)
            nearest, nearer = nearer, nearest
        _add_roots(nearest, limit, distance[i])


@jit
def _square(n_steps: Array, step: float, squares: Array) -> None:
    for j in range(len(n_steps)):
        away = np.float64(n_steps[j]) * step
        squares[j] = away * away if n_steps[j] < _FAR else np.inf


@jit
def _add_roots(squares: Array, limit: float, distance: Array) -> None:
    for j in range(len(squares)):
        away = math.sqrt(squares[j])
        distance[j] += away if away <= limit else np.inf


@jit
def _reached(squares: Array, n: int) -> Array:
    """All bits of those of n lines side by side that have something to be near to."""
    reached = np.zeros(n, np.int64)
    for a in range(0, len(squares), n):
        row = squares[a : a + n]
        for j in range(n):
            reached[j] = np.int64(-1) if row[j] < np.inf else reached[j]
    return reached


@jit
def _shift(squares: Array, inner: int, costs: Array, reached: Array, nearest: Array) -> None:
    """Take for every voxel the least of all along an axis, plus what the way there costs.

    Voxels that are neighbours along the axis lie ``inner`` numbers apart. As many as have a place in
    ``reached`` are done together, until nothing that is farther away could be nearer to one of them.
    """
    n, chunk = len(squares), len(reached)
    first, last = 0, n
    while first < n and squares[first] == np.inf:
        first += 1
    while last > first and squares[last - 1] == np.inf:
        last -= 1
    nearest[:] = squares
    if first == last:
        return
    for a in range(0, n, chunk):
        here = nearest[a : a + chunk]
        for k in range(1, n // inner):
            if costs[k] == np.inf or (k % 4 == 1 and double_bits(costs[k]) >= _highest(here, reached)):
                break
            _lower(squares, nearest, a, a + chunk, k * inner, first, last, costs[k])
            _lower(squares, nearest, a, a + chunk, -k * inner, first, last, costs[k])


@jit
def _highest(squares: Array, reached: Array) -> Any:
    most = np.int64(0)
    for j in range(len(squares)):
        most = max(most, double_bits(squares[j]) & reached[j])
    return most


@jit
def _lower(
    squares: Array, nearest: Array, a: int, b: int, shift: int, first: int, last: int, cost: float
) -> None:
    start, stop = max(a, first + shift), min(b, last + shift)
    if stop <= start:
        return
    there, here = squares[start - shift : stop - shift], nearest[start:stop]
    for j in range(len(here)):
        square = there[j] + cost
        here[j] = square if square < here[j] else here[j]
