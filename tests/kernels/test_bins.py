"""Which bin a confidence falls into, decided by the edges and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ckpt_uq.kernels.bins import BinSums, sort_into_bins
from reference.bins import bins_of


def counts(confidences, n_bins):
    """Counts per bin of class 1's probabilities, which the second row of class-wise bins holds."""
    p = np.asarray(confidences)
    found = sort_into_bins(
        np.stack([1 - p, p]), np.zeros(len(p), int), None, np.arange(n_bins + 1) / n_bins, top_label=False
    )
    return found.bins.counts[1].tolist()


@given(st.integers(1, 40), arrays(np.float64, st.integers(0, 30), elements=st.floats(0, 1)))
def test_any_confidence_falls_where_the_definition_says(n_bins, confidences):
    expected = bins_of(confidences, [False] * len(confidences), n_bins)
    assert counts(confidences, n_bins) == [b.count for b in expected]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_bins", [*range(1, 50), 93, 100])
def test_edges_and_their_neighbours(n_bins, dtype):
    edges = (np.arange(n_bins + 1) / n_bins).astype(dtype)
    zero, one = edges.dtype.type(0), edges.dtype.type(1)
    near = np.concatenate([edges, np.nextafter(edges, zero), np.nextafter(edges, one)])
    expected = bins_of(near, [False] * len(near), n_bins)
    assert counts(near, n_bins) == [b.count for b in expected]


def test_one_is_in_the_last_bin_and_zero_in_the_first():
    assert counts([0.0, 1.0, 1.0], 15) == [1, *[0] * 13, 2]


def test_what_rounding_left_above_one_is_one():
    p = np.array([[1 + 1e-6], [0.0]])
    found = sort_into_bins(p, np.zeros(1, int), None, np.arange(4) / 3, top_label=True)
    assert found.bins.counts.tolist() == [[0, 0, 1]]
    assert found.bins.confidence.tolist() == [[0, 0, 1.0]]
    assert found.probs.highest == 1 + 1e-6


def test_sums_of_bins_add_up():
    a = BinSums(np.array([[1]]), np.array([[2]]), np.array([[3.0]]))
    assert [x.item() for x in a.plus(BinSums.empty(1, 1)).plus(a)] == [2, 4, 6.0]
