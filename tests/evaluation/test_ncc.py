"""Correlation of a map with the raters' variance, in fractions and against NumPy's."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.ncc import ncc, rater_variance


@st.composite
def raters_and_map(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes, shape = draw(st.integers(2, 4)), draw(st.lists(st.integers(2, 5), min_size=1, max_size=3))
    raters = rng.integers(0, n_classes, (draw(st.integers(2, 5)), *shape)).astype(np.uint8)
    return raters, rng.random(shape), n_classes


@given(raters_and_map())
def test_numpy_agrees(case):
    raters, u, n_classes = case
    variance = [
        float(1 - sum(Fraction(int((votes == k).sum()), len(votes)) ** 2 for k in range(n_classes)))
        for votes in raters.reshape(len(raters), -1).T
    ]
    found = ncc(u, raters, n_classes)
    np.testing.assert_allclose(rater_variance(raters, n_classes).ravel(), variance, atol=1e-15)
    if np.ptp(variance) < 1e-12:
        return
    assert found == pytest.approx(np.corrcoef(u.ravel(), variance)[0, 1], abs=1e-9)


@given(raters_and_map(), st.floats(0.5, 9), st.floats(-3, 3))
def test_scale_shift_and_order_of_raters_do_not_matter(case, factor, shift):
    raters, u, n_classes = case
    found = ncc(u, raters, n_classes)
    assert ncc(factor * u + shift, raters[::-1], n_classes) == pytest.approx(found, abs=1e-9, nan_ok=True)
    assert ncc(-u, raters, n_classes) == pytest.approx(-found, abs=1e-9, nan_ok=True)
    assert ncc(u, n_classes - 1 - raters, n_classes) == pytest.approx(found, abs=1e-9, nan_ok=True)


def test_by_hand():
    raters = np.array([[0, 0, 1], [0, 1, 1], [0, 1, 2]])  # variances 0, 4/9, 4/9
    found = ncc(np.array([0.0, 1.0, 2.0]), raters, 3)
    # deviations -1, 0, 1 and (-8, 4, 4)/27: (12/27)^2 / (2 * 96/729) = 3/4
    assert Fraction(found**2).limit_denominator(999) == Fraction(3, 4)
    assert found > 0


def test_mask_and_what_has_no_variance():
    raters, u = np.array([[0, 0, 1, 1], [0, 1, 1, 0]]), np.array([0.1, 0.8, 0.3, 0.9])
    inside = np.array([True, True, True, False])
    assert ncc(u, raters, 2, mask=inside) == ncc(u[:3], raters[:, :3], 2)
    assert math.isnan(ncc(u, raters[[0, 0]], 2))
    assert math.isnan(ncc(np.ones(4), raters, 2))
    assert math.isnan(ncc(u, raters, 2, mask=np.zeros(4, bool)))


@pytest.mark.parametrize(
    ("u", "raters", "message"),
    [
        (np.ones(3), np.zeros((2, 4), int), r"on the grid \(3,\) of uncertainty, got shape \(2, 4\)"),
        (np.ones(3), np.zeros((1, 3), int), "at least two label maps"),
        (np.ones(3), np.full((2, 3), 2), "raters must"),
        (np.array([1, math.nan, 2]), np.zeros((2, 3), int), "must be finite numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(u, raters, message):
    with pytest.raises(ArgumentError, match=message):
        ncc(u, raters, 2)
