"""Finding failures and strangers, against scikit-learn and exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_curve

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.aupr import aupr
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.failure import failure_detection, ood_detection
from ckpt_uq.evaluation.fpr_at_tpr import fpr_at_tpr
from ckpt_uq.evaluation.operating_curve import operating_curve

BOTH = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40).filter(
    lambda samples: len({positive for _, positive in samples}) == 2
)


@given(BOTH, st.sampled_from([0.3, 0.5, 0.95, 1.0]))
def test_as_scikit_learn(samples, tpr):
    scores, positives = zip(*samples, strict=True)
    assert aupr(scores, positives) == pytest.approx(average_precision_score(positives, scores))
    fpr, found, _ = roc_curve(positives, scores, drop_intermediate=False)
    assert fpr_at_tpr(scores, positives, tpr=tpr) == pytest.approx(fpr[found >= tpr - 1e-12].min())


def test_by_hand():
    scores, positives = [9, 8, 8, 7, 1], [1, 1, 0, 0, 1]
    assert (
        Fraction(aupr(scores, positives)).limit_denominator(99) == (1 + Fraction(2, 3) + Fraction(3, 5)) / 3
    )
    assert fpr_at_tpr(scores, positives) == 1.0
    assert fpr_at_tpr(scores, positives, tpr=0.6) == 0.5
    curve = operating_curve(np.array(scores), np.array(positives))
    assert curve.positives.tolist() == [1, 2, 2, 3]
    assert curve.negatives.tolist() == [0, 1, 2, 2]


def test_nineteen_of_twenty_are_95_percent():
    scores, positives = [*range(1, 21), 1.5], [True] * 20 + [False]
    assert fpr_at_tpr(scores, positives) == 0.0  # the threshold is 2, and 1.5 lies below


def test_failures_exceed_the_threshold():
    found = failure_detection(
        risk=[0.5, 0.6, 0.1, math.nan, 0.2], uncertainty=[3, 4, 1, 9, math.nan], threshold=0.5
    )
    assert (found.n_sought, found.n_other) == (1, 2)
    assert (found.auroc, found.aupr, found.fpr95) == (1.0, 1.0, 0.0)


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=9), st.lists(st.integers(0, 5), min_size=1, max_size=9)
)
def test_strangers_against_every_pair(inside, outside):
    pairs = [(o > i) + (o == i) / 2 for o in outside for i in inside]
    found = ood_detection([*inside, math.nan], outside)
    assert found.auroc == pytest.approx(sum(pairs) / len(pairs))
    assert (found.n_sought, found.n_other) == (len(outside), len(inside))
    swapped = ood_detection([-o for o in outside], [-i for i in inside])
    assert swapped.auroc == pytest.approx(found.auroc)


def test_one_kind_alone_has_no_answer():
    for found in (ood_detection([], [1.0]), ood_detection([1.0], [])):
        assert math.isnan(found.auroc)
        assert math.isnan(found.fpr95)
    assert math.isnan(aupr([1.0, 2.0], [0, 0]))
    assert math.isnan(aupr([], []))
    assert aupr([1.0, 2.0], [1, 1]) == 1.0


@pytest.mark.parametrize("measure", [aupr, fpr_at_tpr, auroc])
def test_what_makes_no_sense_is_refused(measure):
    with pytest.raises(ArgumentError, match="scores must be numbers, got 1 NaN"):
        measure([0.1, math.nan], [0, 1])
    with pytest.raises(ArgumentError, match=r"positives must have the shape of scores, \(2,\), got \(3,\)"):
        measure([0.1, 0.2], [0, 1, 1])
    with pytest.raises(ArgumentError, match=r"positives must be boolean, got values in \[0, 2\]"):
        measure([0.1, 0.2], [0, 2])


def test_a_share_is_a_share():
    with pytest.raises(ArgumentError, match=r"tpr must lie in \(0, 1\], got 95"):
        fpr_at_tpr([1.0, 2.0], [0, 1], tpr=95)
