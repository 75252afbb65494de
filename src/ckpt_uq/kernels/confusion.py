"""Count how often each label was predicted for each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]


class Confusion(NamedTuple):
    """Counts, and the range of the labels that were seen."""

    counts: Array
    """int64, shape (C, C): voxels of label i predicted as j; labels outside [0, C) are not counted."""
    lowest: int
    highest: int


def confusion(prediction: Array, labels: Array, n_classes: int) -> Confusion:
    """Count the pairs of labels and predicted labels of two integer arrays of one shape."""
    guesses, truths = as_rows(prediction[None], labels)

    def count(start: int, stop: int) -> Confusion:
        guess = np.ascontiguousarray(guesses[0, start:stop], np.int64).reshape(-1)
        truth = np.ascontiguousarray(truths[start:stop], np.int64).reshape(-1)
        counts = np.zeros((n_classes, n_classes), np.int64)
        low, high = _count(guess, truth, counts)
        return Confusion(counts, int(low), int(high))

    counts, low, high = np.zeros((n_classes, n_classes), np.int64), 0, 0
    for part in map_blocks(count, guesses.shape[1], row_voxels(guesses)):
        counts += part.counts
        low, high = min(low, part.lowest), max(high, part.highest)
    return Confusion(counts, low, high)


@jit
def _count(prediction: Array, labels: Array, counts: Array) -> tuple[int, int]:
    low, high = 0, 0
    for i in range(len(labels)):
        guess, truth = prediction[i], labels[i]
        low, high = min(low, guess, truth), max(high, guess, truth)
        if 0 <= guess < len(counts) and 0 <= truth < len(counts):
            counts[truth, guess] += 1
    return low, high
