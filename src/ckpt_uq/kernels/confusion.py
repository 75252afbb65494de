"""Count how often each label was predicted for each.

Most voxels lie among others of the same label, predicted alike: of 64 in a row, those that are alike are
counted at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import count_ones, trailing_zeros
from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.labels import label_range, plain_integers
from ckpt_uq.kernels.vectors import ALL, WORD, as_word, load

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
        found = np.zeros((n_classes, n_classes), np.int64)
        low, high = _count(guess, truth, found)
        return Confusion(found, int(low), int(high))

    counts, low, high = np.zeros((n_classes, n_classes), np.int64), 0, 0
    for part in map_blocks(count, guesses.shape[1], row_voxels(guesses)):
        counts += part.counts
        low, high = min(low, part.lowest), max(high, part.highest)
    return Confusion(counts, low, high)


_CHUNK = 4096


@jit
def _count(prediction: Array, labels: Array, counts: Array) -> tuple[np.int64, np.int64]:
    low, high = np.int64(0), np.int64(0)
    for a in range(0, len(labels), _CHUNK):
        guess, truth = prediction[a : a + _CHUNK], labels[a : a + _CHUNK]
        (low_guess, high_guess), (low_truth, high_truth) = label_range(guess), label_range(truth)
        low, high = min(low, low_guess, low_truth), max(high, high_guess, high_truth)
        if low >= 0 and high < len(counts):
            count_classes(guess, truth, counts)
        else:
            _count_inside(guess, truth, counts)
    return low, high


@jit
def count_classes(prediction: Array, labels: Array, counts: Array) -> None:
    """Count pairs of which both are classes."""
    n_whole = len(labels) // WORD * WORD
    for a in range(0, n_whole, WORD):
        guesses, truths, left = load(prediction, a), load(labels, a), ALL
        while left:
            first = np.uint64(a) + trailing_zeros(left)
            guess, truth = prediction[first], labels[first]
            alike = as_word(guesses == guess) & as_word(truths == truth)
            counts[np.uint64(truth), np.uint64(guess)] += np.int64(count_ones(left & alike))
            left &= ~alike
    _count_inside(prediction[n_whole:], labels[n_whole:], counts)


@jit
def _count_inside(prediction: Array, labels: Array, counts: Array) -> None:
    for i in range(len(labels)):
        guess, truth = prediction[i], labels[i]
        if 0 <= guess < len(counts) and 0 <= truth < len(counts):
            counts[truth, guess] += 1
