"""Count how often each label was predicted for each.

Most voxels lie among others of the same label, predicted alike: where 64 in a row are, they are counted at
once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.labels import label_range, plain_integers

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
        guess, truth = plain_integers(guesses[0, start:stop]), plain_integers(truths[start:stop])
        lanes = new_lanes(n_classes)
        low, high = _count(guess, truth, lanes)
        return Confusion(lanes.sum(2), int(low), int(high))

    counts, low, high = np.zeros((n_classes, n_classes), np.int64), 0, 0
    for part in map_blocks(count, guesses.shape[1], row_voxels(guesses)):
        counts += part.counts
        low, high = min(low, part.lowest), max(high, part.highest)
    return Confusion(counts, low, high)


_ALIKE = 64
_LANES = 4  # additions to one count in a row need not wait for each other
_CHUNK = 4096


def new_lanes(n_classes: int) -> Array:
    """Counts that are summed over the last axis in the end."""
    return np.zeros((n_classes, n_classes, _LANES), np.int64)


@jit
def _count(prediction: Array, labels: Array, lanes: Array) -> tuple[np.int64, np.int64]:
    low, high = np.int64(0), np.int64(0)
    for a in range(0, len(labels), _CHUNK):
        guess, truth = prediction[a : a + _CHUNK], labels[a : a + _CHUNK]
        (low_guess, high_guess), (low_truth, high_truth) = label_range(guess), label_range(truth)
        low, high = min(low, low_guess, low_truth), max(high, high_guess, high_truth)
        if low >= 0 and high < len(lanes):
            count_classes(guess, truth, lanes)
        else:
            _count_inside(guess, truth, lanes)
    return low, high


@jit
def count_classes(prediction: Array, labels: Array, lanes: Array) -> None:
    """Count pairs of which both are classes."""
    n_alike = len(labels) // _ALIKE * _ALIKE
    for a in range(0, n_alike, _ALIKE):
        first, differ = np.uint64(a), False
        guess, truth = prediction[first], labels[first]
        for i in range(np.uint64(_ALIKE)):
            differ |= (prediction[first + i] != guess) | (labels[first + i] != truth)
        if not differ:
            lanes[np.uint64(truth), np.uint64(guess), 0] += _ALIKE
            continue
        for i in range(np.uint64(_ALIKE)):
            pair = np.uint64(labels[first + i]), np.uint64(prediction[first + i])
            lanes[pair[0], pair[1], i & np.uint64(_LANES - 1)] += 1
    for i in range(n_alike, len(labels)):
        lanes[np.uint64(labels[i]), np.uint64(prediction[i]), 0] += 1


@jit
def _count_inside(prediction: Array, labels: Array, lanes: Array) -> None:
    for i in range(len(labels)):
        guess, truth = prediction[i], labels[i]
        if 0 <= guess < len(lanes) and 0 <= truth < len(lanes):
            lanes[truth, guess, 0] += 1
