"""Squared errors against scikit-learn, and a decomposition whose parts make the whole."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import brier_score_loss

from ckpt_uq.calibration.brier import brier, brier_decomposition
from ckpt_uq.errors import ArgumentError
from ordered_samples import binary, samples, segmentation_like, sketched
from reference import ordered as reference


def test_by_hand():
    sketch = binary([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1])
    base, low, high = Fraction(3, 4), Fraction(1, 2), Fraction(1)
    by_hand = (
        Fraction(1 + 9 + 1 + 1, 16 * 4),
        ((low - Fraction(1, 4)) ** 2 + (high - Fraction(3, 4)) ** 2) / 2,
        ((low - base) ** 2 + (high - base) ** 2) / 2,
        base * (1 - base),
        Fraction(0),
    )
    assert by_hand[0] == by_hand[1] - by_hand[2] + by_hand[3]
    assert brier_decomposition(sketch, 2, class_index=1) == pytest.approx([float(part) for part in by_hand])


@given(samples())
def test_it_is_the_mean_squared_error(case):
    probs, labels = case
    p, truth = probs.astype(np.float64).clip(max=1), np.eye(len(probs))[labels].T
    expected = ((p - truth) ** 2).mean(axis=1)
    sketch = sketched(probs, labels, "class_wise")
    assert brier(sketch) == pytest.approx(expected.sum(), abs=1e-12)
    assert [brier(sketch, class_index=k) for k in range(len(p))] == pytest.approx(expected, abs=1e-12)


def test_scikit_learn_agrees():
    probs, labels = segmentation_like()
    flat = probs.reshape(3, -1).T.astype(np.float64)
    flat /= flat.sum(axis=1, keepdims=True)
    sketch = sketched(flat.T, labels.ravel(), "class_wise")
    assert brier(sketch) == pytest.approx(
        brier_score_loss(labels.ravel(), flat, scale_by_half=False), rel=1e-9
    )
    theirs = brier_score_loss(labels.ravel() == 1, flat[:, 1])
    assert brier(sketch, class_index=1) == pytest.approx(theirs, rel=1e-9)


@given(samples())
def test_the_parts_are_those_of_equal_mass_bins_and_make_the_whole(case):
    probs, labels = np.round(case[0].astype(np.float64) * 8) / 8, case[1]
    probs = np.stack([1 - probs[0], probs[0]])
    labels = (labels == 0).astype(int)
    parts = brier_decomposition(sketched(probs, labels, "class_wise"), 5, class_index=1)
    drawn = list(zip(probs[1].tolist(), (labels == 1).tolist(), strict=True))
    bins, base = reference.equal_mass(drawn, 5), Fraction(int(labels.sum()), len(labels))
    assert parts.reliability == pytest.approx(float(sum((c - a) ** 2 for c, a in bins) / 5), abs=1e-12)
    assert parts.resolution == pytest.approx(float(sum((a - base) ** 2 for _, a in bins) / 5), abs=1e-12)
    assert parts.brier == pytest.approx(
        parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins, abs=1e-12
    )


def test_what_is_within_bins_vanishes_with_them():
    sketch = sketched(*segmentation_like(grid=(10, 100, 100)))
    coarse, fine = (abs(brier_decomposition(sketch, n).within_bins) for n in (2, 200))
    assert fine < coarse / 10


def test_a_threshold_or_no_class_is_refused():
    case = segmentation_like()
    with pytest.raises(ArgumentError, match=r"sketch must have no threshold, got 0\.1"):
        brier(sketched(*case, "class_wise", threshold=0.1))
    with pytest.raises(ArgumentError, match="class_index must name a class"):
        brier_decomposition(sketched(*case, "class_wise"))


def test_nothing_counted_has_no_parts():
    empty = sketched(np.full((2, 3), 0.5), np.zeros(3, int), mask=np.zeros(3, bool))
    assert np.isnan(brier_decomposition(empty)).all()
