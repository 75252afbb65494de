"""AUROC of histograms against that of the voxels, and its bound."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation import voxel_errors
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.ueo import ueo
from ckpt_uq.evaluation.voxel_errors import VoxelErrors


@st.composite
def maps(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.lists(st.integers(1, 8), min_size=1, max_size=3))
    uncertainty = rng.random(shape).astype(draw(st.sampled_from(["f4", "f8"])))
    return uncertainty, rng.random(shape) < uncertainty ** draw(st.sampled_from([0.5, 3.0]))


def counted(uncertainty, errors, n_bins, **options):
    histograms = VoxelErrors(highest=1.0, n_bins=n_bins)
    histograms.update(uncertainty, errors, **options)
    return histograms


@given(maps(), st.sampled_from([1, 3, 16, 4096]))
def test_the_exact_area_is_within_the_bound(case, n_bins):
    uncertainty, errors = case
    exact, (value, bound) = auroc(uncertainty, errors), counted(uncertainty, errors, n_bins).auroc()
    if math.isnan(exact):
        assert math.isnan(value)
    else:
        assert abs(value - exact) <= bound + 1e-12


@given(maps(), st.integers(0, 8), st.sampled_from([3, 64]))
def test_parts_and_merges_count_alike(case, cut, n_bins):
    uncertainty, errors = case
    whole = counted(uncertainty, errors, n_bins)
    a, b = (counted(uncertainty[part], errors[part], n_bins) for part in (slice(cut), slice(cut, None)))
    merged = a.merge(b)
    np.testing.assert_array_equal(merged.right, whole.right)
    np.testing.assert_array_equal(merged.wrong, whole.wrong)
    assert merged.right.dtype == np.int64
    masked = VoxelErrors(highest=1.0, n_bins=n_bins)
    first = np.arange(len(uncertainty)) < cut
    inside = np.broadcast_to(first.reshape(-1, *[1] * (uncertainty.ndim - 1)), uncertainty.shape).copy()
    masked.update(uncertainty, errors, mask=inside)
    np.testing.assert_array_equal(masked.wrong, a.wrong)


@given(maps(), st.integers(0, 9))
def test_the_order_of_voxels_does_not_matter(case, seed):
    uncertainty, errors = (array.ravel() for array in case)
    order = np.random.default_rng(seed).permutation(len(errors))
    one, other = counted(uncertainty, errors, 16), counted(uncertainty[order], errors[order], 16)
    assert one.auroc() == pytest.approx(other.auroc(), nan_ok=True)
    assert one.ueo() == pytest.approx(other.ueo(), nan_ok=True)


@given(maps(), st.sampled_from([1, 3, 16, 4096]))
def test_the_exact_overlap_is_within_the_bound(case, n_bins):
    uncertainty, errors = case
    exact, found = ueo(uncertainty, errors), counted(uncertainty, errors, n_bins).ueo()
    if math.isnan(exact):
        assert math.isnan(found.value)
    else:
        assert found.value <= exact + 1e-12
        assert exact <= found.value + found.bound + 1e-12
        alarm = uncertainty >= found.threshold
        assert found.value == pytest.approx(2 * (alarm & errors).sum() / (alarm.sum() + errors.sum()))


def test_overlap_by_hand():
    # bins of 1/4: right 2, 1, 0, 1 and wrong 1, 0, 1, 1
    uncertainty = np.array([0.0, 0.1, 0.3, 1.0, 0.2, 0.5, 0.9])
    errors = np.array([0, 0, 0, 0, 1, 1, 1], bool)
    value, bound, threshold = counted(uncertainty, errors, 4).ueo()
    assert Fraction(value).limit_denominator(99) == Fraction(2 * 2, 3 + 3)
    # of the first bin the wrong one before the right two: 3 of 5 alarms
    assert Fraction(bound).limit_denominator(99) == Fraction(2 * 3, 5 + 3) - Fraction(4, 6)
    assert threshold == 0.5


def test_by_hand():
    # bins of 1/4: right 2, 1, 0, 1 and wrong 1, 0, 1, 1; pairs below 2 * 1 + 3 * 2 ... and half in a bin
    uncertainty = np.array([0.0, 0.1, 0.3, 1.0, 0.2, 0.5, 0.9])
    errors = np.array([0, 0, 0, 0, 1, 1, 1], bool)
    value, bound = counted(uncertainty, errors, 4).auroc()
    assert Fraction(value).limit_denominator(99) == Fraction(3 + 3, 12) + Fraction(2 + 1, 24)
    assert Fraction(bound).limit_denominator(99) == Fraction(2 + 1, 24)


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    uncertainty, errors = rng.random(1000), rng.random(1000) < 0.3
    whole = counted(uncertainty, errors, 8)
    monkeypatch.setattr(voxel_errors, "_AT_ONCE", 7)
    np.testing.assert_array_equal(counted(uncertainty, errors, 8).wrong, whole.wrong)


def test_tensors_and_no_voxels():
    histograms = counted(torch.tensor([0.25, 0.75]), torch.tensor([False, True]), 2)
    assert histograms.auroc() == (1.0, 0.0)
    assert math.isnan(counted(np.zeros(0), np.zeros(0, bool), 2).auroc().value)


@pytest.mark.parametrize(
    ("uncertainty", "errors", "message"),
    [
        (np.array([0.5, 1.5]), np.array([True, False]), r"uncertainty must lie in \[0, 1\], got values in"),
        (np.array([0.5, math.nan]), np.array([True, False]), r"uncertainty must lie in \[0, 1\]"),
        (np.array([0.5, 0.5]), np.array([1, 0]), "errors must be boolean"),
        (np.array([0.5, 0.5]), np.array([True]), "errors must be boolean on a grid of shape"),
    ],
)
def test_a_bad_update_counts_nothing(uncertainty, errors, message):
    histograms = VoxelErrors(highest=1.0)
    with pytest.raises(ArgumentError, match=message):
        histograms.update(uncertainty, errors)
    assert histograms.right.sum() == histograms.wrong.sum() == 0


def test_bins_must_make_sense_and_agree():
    with pytest.raises(ArgumentError, match="highest must be a positive uncertainty"):
        VoxelErrors(highest=0.0)
    with pytest.raises(ArgumentError, match="n_bins must be >= 1"):
        VoxelErrors(highest=1.0, n_bins=0)
    with pytest.raises(ArgumentError, match=r"must agree in \(highest, n_bins\)"):
        VoxelErrors(highest=1.0).merge(VoxelErrors(highest=2.0))
