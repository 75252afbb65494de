"""What the machine itself can do: read its memory, copy it, fill it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]

BYTES = 1 << 28
_PARTS = 4  # tasks a thread, so that none waits long for another


def n_threads() -> int:
    """How many threads this process was told to use."""
    return int(os.environ["NUMBA_NUM_THREADS"])


@numba.njit(nogil=True, cache=True)
def _sum(words: Array) -> int:
    total = 0
    for i in range(len(words)):
        total += words[i]
    return total


class Stream:
    """Reads, copies and fills with as many threads as the process has."""

    def __init__(self) -> None:
        self._threads = n_threads()
        self._pool = ThreadPoolExecutor(self._threads)

    def read(self, *arrays: Array) -> None:
        """Look at every byte of contiguous arrays."""
        self._each(_sum, [_words(array) for array in arrays])

    def fill(self, *arrays: Array) -> None:
        """Write every byte of contiguous arrays."""
        self._each(lambda part: part.fill(0), [_words(array) for array in arrays])

    def copy(self, source: Array, target: Array) -> None:
        """Read one array and write another."""
        spans = _spans(_words(source))
        list(self._pool.map(lambda span: np.copyto(_words(target)[span], _words(source)[span]), spans))

    def _each(self, task: Callable[[Array], Any], arrays: Sequence[Array]) -> None:
        parts = [words[span] for words in arrays for span in _spans(words)]
        if self._threads == 1:
            for part in parts:
                task(part)
        else:
            list(self._pool.map(task, parts))


def _words(array: Array) -> Array:
    flat = array.reshape(-1).view(np.uint8)
    return flat[: len(flat) // 8 * 8].view(np.uint64)


def _spans(words: Array) -> list[slice]:
    step = max(1, -(-len(words) // (_PARTS * n_threads())))
    return [slice(start, start + step) for start in range(0, len(words), step)]
