"""Samples against raters, by sets of voxels; and where raters disagree."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score, roc_auc_score

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.dmax import dmax
from ckpt_uq.evaluation.ged import ged
from ckpt_uq.evaluation.rater_disagreement import rater_disagreement_auroc
from ckpt_uq.evaluation.ueo import ueo
from reference.dice import dice


@st.composite
def sample_and_rater_maps(draw):
    n_classes = draw(st.integers(2, 4))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples, raters = (
        rng.integers(0, n_classes, (draw(st.integers(1, 4)), *shape)).astype(np.uint8) for _ in range(2)
    )
    return samples, raters, n_classes


def distance(a, b, n_classes):
    foreground = list(range(1, n_classes))
    iou = jaccard_score(a.ravel(), b.ravel(), labels=foreground, average=None, zero_division=1.0)
    return 1 - np.mean(iou)


def mean_distance(a, b, n_classes):
    return np.mean([distance(one, other, n_classes) for one in a for other in b])


@settings(max_examples=25)
@given(sample_and_rater_maps())
def test_energy_distance_by_scikit_learns_jaccard(case):
    s, y, n = case
    expected = 2 * mean_distance(s, y, n) - mean_distance(s, s, n) - mean_distance(y, y, n)
    assert ged(s, y, n) == pytest.approx(max(expected, 0), abs=1e-12)
    assert ged(y, s, n) == pytest.approx(ged(s, y, n), abs=1e-12)
    assert ged(np.concatenate([s, s]), s, n) == pytest.approx(0, abs=1e-12)


@given(sample_and_rater_maps())
def test_each_rater_has_a_best_sample(case):
    s, y, n = case
    table = [[np.mean([np.nan_to_num(dice(a, b, k), nan=1.0) for k in range(1, n)]) for a in s] for b in y]
    assert dmax(s, y, n) == pytest.approx(np.max(table, axis=1).mean())
    assert dmax(np.concatenate([s, y]), y, n) == 1.0


def test_by_hand():
    raters = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    sample = np.array([[1, 1, 1, 0]])
    # 1 - IoU: 1/3 and 1/4 to the raters, 1/2 between them
    expected = (Fraction(1, 3) + Fraction(1, 4)) - Fraction(1, 2) / 2
    assert Fraction(ged(sample, raters, 2)).limit_denominator(999) == expected
    assert Fraction(dmax(sample, raters, 2)).limit_denominator(999) == (Fraction(4, 5) + Fraction(6, 7)) / 2


@given(sample_and_rater_maps(), st.integers(0, 2**32 - 1))
def test_disagreement_by_scikit_learn(case, seed):
    _, raters, _ = case
    raters = np.concatenate([raters, raters[:1]])
    uncertainty = np.random.default_rng(seed).integers(0, 4, raters.shape[1:]).astype(float)
    split = np.ptp(raters.astype(int), axis=0) > 0
    got = rater_disagreement_auroc(uncertainty, raters)
    if split.all() or not split.any():
        assert math.isnan(got)
    else:
        assert got == pytest.approx(roc_auc_score(split.ravel(), uncertainty.ravel()))


def test_the_mask_says_where():
    uncertainty, raters = np.array([0.9, 0.1, 0.5]), np.array([[0, 0, 0], [0, 0, 1]])
    assert rater_disagreement_auroc(uncertainty, raters) == 0.5
    assert rater_disagreement_auroc(uncertainty, raters, mask=np.array([False, True, True])) == 1.0


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=20))
def test_error_overlap_tries_every_threshold(voxels):
    uncertainty, errors = (np.array(values) for values in zip(*voxels, strict=True))
    tries = [dice(uncertainty >= t, errors, 1) for t in np.unique(uncertainty)]
    expected = max(tries) if errors.any() else math.nan
    assert ueo(uncertainty, errors) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("measure", [ged, dmax])
def test_what_makes_no_sense_is_refused(measure):
    maps = np.zeros((2, 3), int)
    with pytest.raises(ArgumentError, match=r"raters must lie on the grid of samples, \(3,\), got \(4,\)"):
        measure(maps, np.zeros((2, 4), int), 2)
    with pytest.raises(ArgumentError, match=r"samples must be label maps \(n, \*S\) with n >= 1"):
        measure(maps[0], maps, 2)
    with pytest.raises(ArgumentError, match=r"raters must lie in \[0, 2\), got labels in \[0, 2\]"):
        measure(maps, np.array([[0, 1, 2]]), 2)
    with pytest.raises(ArgumentError, match="samples must be integers"):
        measure(maps.astype(float), maps, 2)
    with pytest.raises(ArgumentError, match="n_classes must be >= 2"):
        measure(maps, maps, 1)


def test_one_rater_cannot_disagree():
    with pytest.raises(ArgumentError, match="raters must be at least two label maps"):
        rater_disagreement_auroc(np.zeros(3), np.zeros((1, 3), int))
    with pytest.raises(ArgumentError, match="mask must be boolean"):
        rater_disagreement_auroc(np.zeros(3), np.zeros((2, 3), int), mask=np.zeros(3))
