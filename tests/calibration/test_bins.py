"""Calibration bins against exact rationals, at numbers of samples where single precision stops counting."""

from __future__ import annotations

import functools
import math
import pickle
from fractions import Fraction

import netcal.metrics
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels import blocks
from reference import bins as reference
from strategies import distributions

KINDS = pytest.mark.parametrize("kind", ["top_label", "class_wise"])


@st.composite
def samples(draw, min_samples=1):
    """Probabilities (C, N) and labels (N,)."""
    probs = draw(distributions(min_classes=2, dtypes=("float32", "float64"), min_side=1))
    probs = probs.reshape(len(probs), -1)
    labels = draw(st.lists(st.integers(0, len(probs) - 1), min_size=probs.shape[1], max_size=probs.shape[1]))
    return probs, np.array(labels, np.int64)


def filled(probs, labels, *args, mask=None, **options):
    bins = CalibrationBins(*args, **options)
    bins.update(probs, labels, mask=mask)
    return bins


def random_case(seed=0, grid=(6, 50, 60), n_classes=3):
    rng = np.random.default_rng(seed)
    probs = np.moveaxis(rng.dirichlet(np.full(n_classes, 0.5), grid), -1, 0)
    return np.ascontiguousarray(probs, np.float32), rng.integers(0, n_classes, grid, np.uint8)


def per_class(probs, labels, n_bins):
    return [reference.bins_of(p, labels == k, n_bins) for k, p in enumerate(probs)]


@given(samples(), st.integers(1, 20))
def test_top_label_is_exact(case, n_bins):
    probs, labels = case
    expected = reference.bins_of(*reference.top_label(probs.T.tolist(), labels.tolist()), n_bins)
    bins = filled(probs, labels, n_bins)
    assert bins.reliability().count.tolist() == [b.count for b in expected]
    assert bins.ece() == pytest.approx(float(reference.ece(expected)), abs=1e-14)
    assert bins.mce() == pytest.approx(float(reference.mce(expected)), abs=1e-14)


@given(samples(), st.integers(1, 20))
def test_class_wise_is_exact(case, n_bins):
    probs, labels = case
    expected = per_class(probs, labels, n_bins)
    bins = filled(probs, labels, n_bins, "class_wise")
    assert bins.reliability().count.tolist() == [[b.count for b in row] for row in expected]
    for k, row in enumerate(expected):
        assert bins.ece(k) == pytest.approx(float(reference.ece(row)), abs=1e-14)
        assert bins.mce(k) == pytest.approx(float(reference.mce(row)), abs=1e-14)
    assert bins.ece() == pytest.approx(float(sum(map(reference.ece, expected)) / len(expected)), abs=1e-14)
    assert bins.mce() == pytest.approx(float(max(map(reference.mce, expected))), abs=1e-14)


@given(samples())
def test_reliability_is_mean_confidence_and_accuracy(case):
    probs, labels = case
    expected = reference.bins_of(*reference.top_label(probs.T.tolist(), labels.tolist()), 7)
    diagram = filled(probs, labels, 7).reliability()
    for b, confidence, accuracy in zip(expected, diagram.confidence, diagram.accuracy, strict=True):
        if b.count:
            assert (confidence, accuracy) == pytest.approx((float(b.confidence / b.count), b.hits / b.count))
        else:
            assert math.isnan(confidence)
            assert math.isnan(accuracy)


def test_netcal_agrees():
    probs, labels = random_case()
    flat = probs.reshape(3, -1).T.astype(np.float64)
    assert filled(probs.astype(np.float64), labels).ece() == pytest.approx(
        netcal.metrics.ECE(bins=15).measure(flat, labels.ravel()), abs=1e-12
    )


@pytest.mark.parametrize("kind", ["top_label", "class_wise"])
def test_forty_million_samples(kind):
    # torchmetrics 1.9.0 (binary_calibration_error) and MONAI 1.6.1 (CalibrationErrorMetric) both give this
    # for these samples: they count in float32, which stays at 2**24 however often 1 is added.
    peers_give = 0.0
    confidence, n, n_wrong, n_steps = np.float32(0.9995), 1_000_001, 30_000, 21
    probs = np.empty((2, n), np.float32)
    probs[0], probs[1] = confidence, 1 - confidence
    labels = np.zeros(n, np.uint8)
    labels[:n_wrong] = 1  # right in 97 of 100
    bins = CalibrationBins(kind=kind)
    for _ in range(n_steps):
        bins.update(probs, labels)
    assert bins.n_samples == n * n_steps == 21_000_021  # odd, so single precision cannot hold it
    bins = bins.merge(bins)
    assert bins.n_samples == 42_000_042  # nor this: above 2**25 it counts in fours
    truth = float(Fraction(float(confidence)) - Fraction(n - n_wrong, n))
    assert truth == pytest.approx(0.0295, abs=1e-6)
    assert bins.ece() == pytest.approx(truth, abs=1e-7)
    assert abs(bins.ece() - peers_give) > 0.029


@KINDS
def test_no_sample_is_kept(kind):
    bins = CalibrationBins(kind=kind)
    sizes = []
    for _ in range(3):
        bins.update(*random_case())
        sizes.append(len(pickle.dumps(bins)))
    assert len(set(sizes)) == 1
    assert sizes[0] < 5000 < bins.n_samples


@KINDS
def test_bins_whose_accuracy_is_their_confidence_have_no_error(kind):
    probs = np.repeat(np.array([[0.75, 0.5], [0.25, 0.5]]), [4, 2], axis=1)
    labels = np.array([0, 0, 0, 1, 0, 1])
    bins = filled(probs, labels, 10, kind)
    assert bins.ece() == 0.0
    assert bins.mce() == 0.0


@KINDS
@given(case=samples(), seed=st.integers(0, 9))
def test_the_order_of_samples_does_not_matter(kind, case, seed):
    probs, labels = case
    order = np.random.default_rng(seed).permutation(len(labels))
    one, other = filled(probs, labels, 15, kind), filled(probs[:, order], labels[order], 15, kind)
    np.testing.assert_array_equal(one.reliability().count, other.reliability().count)
    assert one.ece() == pytest.approx(other.ece(), abs=1e-14)


@KINDS
@given(case=samples(), cut=st.integers(0, 200))
def test_merge_equals_one_update_after_the_other(kind, case, cut):
    probs, labels = case
    parts = [(probs[:, :cut], labels[:cut]), (probs[:, cut:], labels[cut:])]
    in_turn = CalibrationBins(kind=kind)
    for part in parts:
        in_turn.update(*part)
    a, b = (filled(*part, kind=kind) for part in parts)
    before = a.n_samples, b.n_samples
    merged = a.merge(b)
    assert (a.n_samples, b.n_samples) == before
    assert (merged.ece(), merged.mce(), merged.n_samples) == (in_turn.ece(), in_turn.mce(), len(labels))
    np.testing.assert_array_equal(merged.reliability().confidence, in_turn.reliability().confidence)


@KINDS
def test_threads_do_not_show(kind, monkeypatch):
    probs, labels = random_case(grid=(9, 200, 200))
    results = []
    for count in (1, 2, 4):
        monkeypatch.setattr(blocks, "_pool", None)
        monkeypatch.setattr(blocks, "thread_count", lambda count=count: count)
        diagram = filled(probs, labels, kind=kind).reliability()
        results.append((diagram.confidence.tobytes(), diagram.accuracy.tobytes()))
    assert len(set(results)) == 1


@KINDS
def test_slabs_make_a_volume_and_cases_a_cohort(kind):
    cases = [random_case(seed) for seed in range(3)]
    per_case = [filled(*case, kind=kind) for case in cases]
    cohort = functools.reduce(CalibrationBins.merge, per_case)
    slabs = CalibrationBins(kind=kind)
    for probs, labels in cases:
        for z in range(len(labels)):
            slabs.update(probs[:, z], labels[z])
    assert cohort.ece() == pytest.approx(slabs.ece(), abs=1e-14)
    np.testing.assert_array_equal(cohort.reliability().count, slabs.reliability().count)


@KINDS
def test_kinds_of_arrays_and_dtypes_agree(kind):
    probs, labels = random_case()
    expected = filled(probs, labels, kind=kind).ece()
    assert filled(torch.from_numpy(probs), torch.from_numpy(labels), kind=kind).ece() == expected
    assert filled(np.asfortranarray(probs), labels.astype(">i2"), kind=kind).ece() == pytest.approx(expected)
    half = torch.from_numpy(probs).bfloat16()
    exact = filled(half.float(), torch.from_numpy(labels), kind=kind, n_bins=15)
    assert filled(half, torch.from_numpy(labels), kind=kind).ece() == exact.ece()


@KINDS
def test_a_mask_keeps_everything_else_out(kind):
    probs, labels = random_case()
    mask = np.random.default_rng(5).random(labels.shape) < 0.3
    expected = filled(probs[:, mask], labels[mask], kind=kind)
    probs[:, ~mask], labels[~mask] = np.nan, 255
    masked = filled(probs, labels, kind=kind, mask=mask)
    assert masked.n_samples == mask.sum()
    assert masked.ece() == pytest.approx(expected.ece(), abs=1e-14)


def test_a_binary_model_is_the_second_of_two_classes():
    p, truth = np.array([0.9, 0.8, 0.3, 0.2]), np.array([1, 0, 0, 0])
    bins = filled(np.stack([1 - p, p]), truth, 4, "class_wise")
    expected = reference.bins_of(p, truth == 1, 4)
    assert bins.ece(class_index=1) == pytest.approx(float(reference.ece(expected)), abs=1e-14)


@KINDS
def test_nothing_counted_has_no_error(kind):
    bins = CalibrationBins(kind=kind)
    assert math.isnan(bins.ece())
    assert math.isnan(bins.mce())
    bins.update(np.full((2, 3), 0.5), np.zeros(3, int), mask=np.zeros(3, bool))
    bins.update(np.full((2, 0), 0.5), np.zeros(0, int))
    assert math.isnan(bins.ece())
    assert bins.n_samples == 0
    assert np.isnan(bins.reliability().accuracy).all()
    assert math.isnan(bins.merge(CalibrationBins(kind=kind)).ece())


def test_the_first_class_wins_a_tie():
    bins = filled(np.full((2, 2), 0.5), np.array([0, 1]), 2)
    assert bins.reliability().accuracy[0] == 0.5
    assert filled(np.full((2, 1), 0.5), np.array([0]), 2).reliability().accuracy[0] == 1.0


@KINDS
@pytest.mark.parametrize(
    ("probs", "labels", "mask", "message"),
    [
        (np.full((2, 4), 3.0), np.zeros(4, int), None, r"probs must lie in \[0, 1\].*pass softmax output"),
        (np.full((2, 4), 0.3), np.zeros(4, int), None, "probs must sum to 1 over axis 0"),
        (np.full((2, 4), np.nan), np.zeros(4, int), None, "probs must be numbers, got 8 NaN"),
        (np.full((2, 4), -0.1), np.zeros(4, int), None, r"probs must lie in \[0, 1\], got values in \[-0\.1"),
        (np.full((2, 4), 1), np.zeros(4, int), None, "probs must be of a floating-point dtype"),
        (np.full((2, 4), 0.5), np.zeros(4), None, "labels must be integers on a grid.*float64"),
        (
            np.full((2, 4), 0.5),
            np.zeros(5, int),
            None,
            r"labels must be .* shape \(4,\), got int64 of shape \(5,\)",
        ),
        (np.full((2, 4), 0.5), np.full(4, 2), None, r"labels must lie in \[0, 2\), got labels in \[2, 2\]"),
        (
            np.full((2, 4), 0.5),
            np.array([0, 0, -1, 0]),
            None,
            r"got labels in \[-1, 0\]; replace or mask out",
        ),
        (np.full((2, 4), 0.5), np.zeros(4, int), np.ones(4), "mask must be boolean .*float64"),
        (np.full((2, 4), 0.5), np.zeros(4, int), np.ones(3, bool), "mask must be boolean on a grid of shape"),
        (np.empty((0, 4)), np.zeros(4, int), None, r"probs must have shape \(C, \*S\)"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_counted(kind, probs, labels, mask, message):
    bins = filled(np.full((2, 1), 0.5), np.zeros(1, int), kind=kind)
    with pytest.raises(ArgumentError, match=message):
        bins.update(probs, labels, mask=mask)
    assert bins.n_samples == 1


def test_the_number_of_classes_may_not_change():
    bins = CalibrationBins(kind="class_wise", n_classes=3)
    with pytest.raises(ArgumentError, match=r"with C = 3, got \(2, 4\)"):
        bins.update(np.full((2, 4), 0.5), np.zeros(4, int))
    bins.update(np.full((3, 4), 1 / 3), np.zeros(4, int))
    assert bins.n_classes == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_bins": 0}, "n_bins must be an integer >= 1, got 0"),
        ({"n_bins": 2.5}, "n_bins must be an integer >= 1, got 2.5"),
        ({"kind": "classwise"}, r"kind must be one of \('top_label', 'class_wise'\), got 'classwise'"),
        ({"n_classes": 0}, "n_classes must be >= 1, got 0"),
    ],
)
def test_bins_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        CalibrationBins(**options)


def test_only_bins_alike_can_be_merged():
    for other in (CalibrationBins(10), CalibrationBins(kind="class_wise"), CalibrationBins(n_classes=4)):
        with pytest.raises(ArgumentError, match=r"must agree in \(n_bins, kind, n_classes\)"):
            CalibrationBins(n_classes=3).merge(other)


def test_a_class_is_asked_for_only_where_there_are_classes():
    with pytest.raises(ArgumentError, match=r"class_index must be a class of class-wise bins.*'top_label'"):
        filled(*random_case()).ece(class_index=1)
    with pytest.raises(ArgumentError, match=r"class_index must be a class of class-wise bins.*n_classes=3"):
        filled(*random_case(), kind="class_wise").reliability(class_index=3)
