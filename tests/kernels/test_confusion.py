"""Pairs of labels, counted."""

from __future__ import annotations

import numpy as np
import pytest

from ckpt_uq.kernels import blocks
from ckpt_uq.kernels.confusion import confusion


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64, bool])
@pytest.mark.parametrize("shape", [(7,), (5, 6), (50, 60, 70)])
def test_counts_are_those_of_a_histogram(shape, dtype):
    rng = np.random.default_rng(0)
    n = 2 if dtype is bool else 4
    guess, truth = rng.integers(0, n, (2, *shape)).astype(dtype)
    seen = confusion(guess, truth, n)
    expected, _, _ = np.histogram2d(truth.ravel(), guess.ravel(), bins=np.arange(n + 1) - 0.5)
    np.testing.assert_array_equal(seen.counts, expected)
    assert seen.counts.dtype == np.int64
    assert (seen.lowest, seen.highest) == (0, n - 1)


def test_strided_arrays_and_threads_do_not_show(monkeypatch):
    monkeypatch.setattr(blocks, "_pool", None)
    monkeypatch.setattr(blocks, "thread_count", lambda: 3)
    guess, truth = np.random.default_rng(0).integers(0, 3, (2, 90, 100, 110))
    strided = confusion(guess[:, ::2].T, truth[:, ::2].T, 3)
    plain = confusion(np.ascontiguousarray(guess[:, ::2]), np.ascontiguousarray(truth[:, ::2]), 3)
    np.testing.assert_array_equal(strided.counts, plain.counts)
    assert plain.counts.sum() == guess[:, ::2].size


def test_labels_out_of_range_are_seen_not_counted():
    seen = confusion(np.array([0, 1, 5, 1]), np.array([0, -2, 1, 1]), 2)
    assert seen.counts.tolist() == [[1, 0], [0, 1]]
    assert (seen.lowest, seen.highest) == (-2, 5)


def test_nothing():
    assert confusion(np.zeros((0, 3), int), np.zeros((0, 3), int), 2).counts.tolist() == [[0, 0], [0, 0]]
