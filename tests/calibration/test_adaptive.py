"""Equal-mass errors against the sorted samples in exact rationals: never further away than the bound."""

from __future__ import annotations

from fractions import Fraction

import netcal.metrics
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_uq.calibration.adaptive import ace
from ckpt_uq.errors import ArgumentError
from ordered_samples import binary, samples, segmentation_like, sketched, top_label
from reference import ordered as reference


def test_by_hand():
    # sorted: 1/8 wrong, 1/4 right | 1/2 right, 3/4 right  -> gaps |3/16 - 1/2| and |5/8 - 1|
    sketch = binary([0.75, 0.125, 0.5, 0.25], [1, 0, 1, 1])
    by_hand = (Fraction(5, 16) + Fraction(3, 8)) / 2
    assert ace(sketch, 2, class_index=1) == (float(by_hand), 0.0)


@settings(max_examples=60)
@given(samples(), st.integers(1, 20))
def test_the_exact_error_is_within_the_bound(case, n_bins):
    got = ace(sketched(*case), n_bins)
    assert abs(got.value - float(reference.ace(top_label(*case), n_bins))) <= got.bound + 1e-12


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=40), st.integers(1, 20))
def test_few_confidences_are_exact(pairs, n_bins):
    drawn = [(eighths / 8, hit) for eighths, hit in pairs]
    got = ace(binary(*zip(*drawn, strict=True)), n_bins, class_index=1)
    assert got.bound == 0.0
    assert got.value == pytest.approx(float(reference.ace(drawn, n_bins)), abs=1e-12)


@pytest.mark.parametrize("crowd", [1.0, 0.3])
def test_a_bound_holds_for_samples_in_the_worst_order(crowd):
    # within one narrow cell all the misses come first
    p = np.concatenate([crowd - np.linspace(1e-4, 0, 30), np.linspace(0.31, 0.9, 20)]).clip(0, 1)
    hits = np.arange(50) >= 15
    for n_bins in range(1, 12):
        got = ace(binary(p, hits), n_bins, class_index=1)
        exact = float(reference.ace(list(zip(p.tolist(), hits.tolist(), strict=True)), n_bins))
        assert abs(got.value - exact) <= got.bound + 1e-12


def test_the_bound_is_narrow_where_there_are_many_voxels():
    case = segmentation_like(grid=(4, 60, 60))
    got = ace(sketched(*case))
    assert got.bound < 5e-3
    exact = float(reference.ace(top_label(case[0].reshape(3, -1), case[1].ravel()), 15))
    assert abs(got.value - exact) < 1e-4


def test_netcal_agrees():
    # netcal puts a sample on a border into one bin alone, so the samples are many and all different
    rng = np.random.default_rng(0)
    p = rng.permutation((np.arange(15_000) + 0.5) / 15_000)
    hits = rng.random(15_000) < p**1.5
    theirs = netcal.metrics.ACE(bins=15, equal_intervals=False).measure(p, hits.astype(int))
    got = ace(binary(p, hits), 15, class_index=1)
    assert got.value == pytest.approx(theirs, abs=1e-3)
    assert got.bound < 0.02


def test_classes_are_averaged():
    case = segmentation_like(grid=(2, 40, 40))
    sketch = sketched(*case, "class_wise")
    each = [ace(sketch, class_index=k) for k in range(3)]
    assert ace(sketch) == pytest.approx(tuple(np.mean(each, axis=0)))
    exact = [
        float(reference.ace(list(zip(p.ravel().tolist(), (case[1] == k).ravel().tolist(), strict=True)), 15))
        for k, p in enumerate(case[0].astype(np.float64))
    ]
    assert all(abs(got.value - truth) <= got.bound for got, truth in zip(each, exact, strict=True))


def test_there_must_be_a_bin():
    with pytest.raises(ArgumentError, match="n_bins must be >= 1, got 0"):
        ace(sketched(*segmentation_like()), n_bins=0)
