"""Run a loop over fixed blocks of an array, side by side.

The blocks' bounds depend on the array alone and their results come back in order, so whatever is computed
from them is the same to the last bit for one thread and for many. Ordinary threads are used, not numba's:
several callers at once and callers after a fork are both safe that way.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba
import numpy as np

BLOCK_VOXELS = 1 << 17

Array = np.ndarray[Any, Any]
Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def thread_count() -> int:
    """How many threads to use: ``NUMBA_NUM_THREADS`` of the environment, else all available cores."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def map_blocks(task: Callable[[int, int], Result], n_rows: int, row_voxels: int = 1) -> list[Result]:
    """Call ``task(start, stop)`` for every block of ``range(n_rows)`` and list the results in order.

    Parameters
    ----------
    task : callable
        May write to its own rows of an array; must not call ``map_blocks``.
    n_rows : int
        What is divided.
    row_voxels : int
        Voxels in one row; a block has about ``BLOCK_VOXELS`` voxels, and at least one row.
    """
    step = max(1, BLOCK_VOXELS // max(1, row_voxels))
    starts = range(0, n_rows, step)
    stops = [min(start + step, n_rows) for start in starts]
    n_workers = min(len(starts), thread_count())
    if n_workers < 2:
        return [task(start, stop) for start, stop in zip(starts, stops, strict=True)]
    waiting = deque(enumerate(zip(starts, stops, strict=True)))
    results: dict[int, Result] = {}

    def work() -> None:  # one future a thread, not one a block: that would cost as much as a block
        while True:
            try:
                index, (start, stop) = waiting.popleft()
            except IndexError:
                return
            try:
                results[index] = task(start, stop)
            except BaseException:
                waiting.clear()
                raise

    pool = _get_pool()
    others = [pool.submit(work) for _ in range(n_workers - 1)]
    try:
        work()  # here too: another thread may be long in waking up, and need not be waited for then
    except BaseException:
        waiting.clear()
        raise
    finally:
        for other in others:
            if not other.cancel():
                other.result()
    return [results[index] for index in range(len(starts))]


def as_rows(probs: Array, *grids: Array) -> tuple[Array, ...]:
    """Make probabilities (C, *S) and arrays on the grid S divisible along one axis, without copying.

    The grid becomes one flat axis if every array is contiguous; else it only loses its axes of length 1.
    """
    n_classes, *shape = probs.shape
    contiguous = all(array.flags.c_contiguous for array in (probs, *grids))
    rows = [size for size in shape if size != 1]
    if contiguous or not rows:
        rows = [math.prod(shape)]
    return probs.reshape(n_classes, *rows), *(grid.reshape(rows) for grid in grids)


def row_voxels(probs: Array) -> int:
    """Voxels in one row of what :func:`as_rows` returned."""
    return math.prod(probs.shape[2:])


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(thread_count(), thread_name_prefix="ckpt_uq")
        return _pool


def _forget_pool() -> None:
    """A forked child inherits the pool but not its threads, and maybe a locked lock."""
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forget_pool)
