"""Which bin a confidence falls into, decided by the edges and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ckpt_uq.kernels.bins import BinSums, sort_into_bins
from ckpt_uq.probabilities import require_distribution
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


LABEL_DTYPES = ["uint8", "int8", "uint16", "int16", "int32", "int64", "uint64", ">i4"]


@st.composite
def streaks(draw):
    """Probabilities (C, N) with streaks of certain ones, some just beside an edge; labels, mask, n_bins."""
    n_classes, n = draw(st.sampled_from([1, 2, 3, 4, 5, 9])), draw(st.integers(1, 900))
    n_bins = draw(st.sampled_from([1, 2, 3, 10, 15, 100]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(n_classes, 0.5), n).T
    sure = np.repeat(rng.random(n // 64 + 1) < draw(st.sampled_from([0.0, 0.5, 1.0])), 64)[:n]
    rest = rng.choice([0.0, 1e-30, 2.0**-24, 1e-3, 1 / n_bins, np.nextafter(1 / n_bins, 0)], n)
    rest = np.where(rng.random(n) < draw(st.sampled_from([0.0, 0.01])), 0.4, rest)
    probs[:, sure] = (np.eye(n_classes)[rng.integers(0, n_classes, n)].T * (1 - rest))[:, sure]
    if n_classes > 1:
        probs[-1, sure] += (1 - probs.sum(0))[sure]
    else:
        probs[:] = 1
    dtype = draw(st.sampled_from(LABEL_DTYPES))
    labels = np.where(rng.random(n) < 0.9, probs.argmax(0), rng.integers(0, n_classes, n)).astype(dtype)
    share = draw(st.sampled_from([None, 0.0, 0.5, 1.0]))
    mask = None if share is None else np.repeat(rng.random(n // 50 + 1) < share, 50)[:n]
    return probs.astype(np.float32), labels, mask, n_bins


@given(streaks(), st.booleans(), st.sampled_from([None, 0, 1, 77]))
def test_what_is_nearly_certain_is_counted_as_if_one_by_one(case, top_label, ignored):
    probs, labels, mask, n_bins = case
    options = {"top_label": top_label, "ignore_label": ignored}
    edges = np.arange(n_bins + 1) / n_bins
    fast = sort_into_bins(probs, labels, mask, edges, **options)
    plain = sort_into_bins(probs.astype(np.float64), labels, mask, edges, **options)  # never in groups
    np.testing.assert_array_equal(fast.bins.counts, plain.bins.counts)
    np.testing.assert_array_equal(fast.bins.hits, plain.bins.hits)
    np.testing.assert_allclose(fast.bins.confidence, plain.bins.confidence, rtol=1e-14, atol=1e-14)
    assert fast.labels == plain.labels
    require_distribution(fast.probs)
    require_distribution(plain.probs)


@pytest.mark.parametrize("top_label", [True, False])
@pytest.mark.parametrize("n_bins", [2, 3, 7, 15, 49, 93])
def test_groups_that_stand_on_an_edge(n_bins, top_label):
    edges = np.arange(n_bins + 1) / n_bins
    for edge in np.float32([edges[1], edges[-2]]):
        for q in (np.nextafter(edge, np.float32(0)), edge, np.nextafter(edge, np.float32(1))):
            probs = np.repeat(np.float32([[q], [1 - q]]), 300, axis=1)
            fast, plain = (
                sort_into_bins(p, np.zeros(300, int), None, edges, top_label=top_label).bins
                for p in (probs, probs.astype(np.float64))
            )
            np.testing.assert_array_equal(fast.counts, plain.counts)
            np.testing.assert_allclose(fast.confidence, plain.confidence, rtol=1e-13)


@pytest.mark.parametrize("n_bins", [3, 15, 40])
def test_sums_of_what_is_nearly_certain_are_exact(n_bins):
    rng = np.random.default_rng(0)
    p = 1 - rng.random(100_000).astype(np.float32) ** 8 / (n_bins + 1)
    assert (p > 1 - 1 / n_bins).all()
    found = sort_into_bins(
        np.stack([p, 1 - p]), np.zeros(len(p), np.uint8), None, np.arange(n_bins + 1) / n_bins, top_label=True
    )
    units = sum(int(q) for q in p.astype(np.float64) * 2**24)
    assert found.bins.confidence[0, -1] == units / 2**24
    assert found.bins.counts[0, -1] == found.bins.hits[0, -1] == len(p)


@pytest.mark.parametrize("q", [1e-3, 0.06, 0.124, 0.126, 0.5, 0.87, 0.88, 1.0])
@pytest.mark.parametrize("n_bins", [1, 2, 8, 15, 100, 1 << 15, 40_000])
def test_a_block_of_the_same_confidence_overflows_nothing(n_bins, q):
    n, edges = (1 << 17) + 13, np.arange(n_bins + 1) / n_bins
    probs, right = np.full((2, n), [[q], [1 - q]], np.float32), np.arange(n) % 3 == 0
    bins = sort_into_bins(probs, np.where(right, 0, 1).astype(np.uint8), None, edges, top_label=False).bins
    j = bins.counts[0].argmax()
    assert (bins.counts[0].sum(), bins.counts[0, j], bins.hits[0, j]) == (n, n, right.sum())
    exact = n * float(probs[0, 0])
    assert bins.confidence[0].sum() == bins.confidence[0, j] == pytest.approx(exact, rel=1e-10)
    if 1 / n_bins < q and n_bins < 1 << 16 and q > 1 / 8:
        assert bins.confidence[0, j] == exact


@pytest.mark.parametrize("n_bins", [5, 8])
def test_sums_of_what_is_just_nearly_nothing_do_not_overflow(n_bins):
    n_voxels = 1 << 17
    probs, edges = np.full((8, n_voxels), 1 / 8, np.float32), np.arange(n_bins + 1) / n_bins
    found = sort_into_bins(probs, np.zeros(n_voxels, np.uint8), None, edges, top_label=False)
    assert found.bins.confidence[:, 0].tolist() == [n_voxels / 8] * 8


@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf, -0.5, 7.0, -1e-30])
@pytest.mark.parametrize("top_label", [True, False])
@pytest.mark.parametrize("where", [0, 300, 69_999])
def test_what_has_no_bin_is_seen_and_harms_nothing(bad, top_label, where):
    probs = np.full((2, 70_000), 0.5, np.float32)
    probs[1, where] = bad
    seen = sort_into_bins(probs, np.zeros(70_000, int), None, np.arange(16) / 15, top_label=top_label).probs
    assert seen.n_nan == math.isnan(bad)
    assert (seen.lowest, seen.highest) == (np.nanmin(probs), np.nanmax(probs))


@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf, -math.inf, -0.5, -0.0, 0.0, 7.0])
@pytest.mark.parametrize("top_label", [True, False])
@pytest.mark.parametrize("n_classes", [2, 9])
def test_voxels_of_which_no_class_has_a_bin_harm_nothing(bad, top_label, n_classes):
    probs = np.full((n_classes, 1000), 1 / n_classes, np.float32)
    probs[:, 400:500] = bad
    options = {"edges": np.arange(16) / 15, "top_label": top_label}
    fast, plain = (
        sort_into_bins(p, np.zeros(1000, int), None, **options) for p in (probs, probs.astype(np.float64))
    )
    np.testing.assert_array_equal(fast.bins.counts, plain.bins.counts)
    np.testing.assert_allclose(fast.bins.confidence, plain.bins.confidence, rtol=1e-6)
    assert fast.probs.n_nan == plain.probs.n_nan


def test_what_has_no_bin_may_stand_outside_the_mask():
    probs = np.full((2, 1000), [[1], [0]], np.float32)
    probs[:, 400:500] = math.nan
    labels = np.where(np.arange(1000) < 700, 0, 250)
    mask = ~np.isnan(probs[0])
    edges = np.arange(16) / 15
    for options in ({"mask": mask & (labels == 0)}, {"mask": mask, "ignore_label": 250}):
        found = sort_into_bins(probs, labels, edges=edges, top_label=True, **{"mask": None, **options})
        assert found.bins.counts[0].tolist() == [0] * 14 + [600]
        assert found.labels == (0, 0)
        require_distribution(found.probs)


def test_sums_of_bins_add_up():
    a = BinSums(np.array([[1]]), np.array([[2]]), np.array([[3.0]]))
    assert [x.item() for x in a.plus(BinSums.empty(1, 1)).plus(a)] == [2, 4, 6.0]
