"""Dice between members, against sets of voxels and MONAI's generalised Dice."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import compute_generalized_dice

from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.pairwise_dice import pair_counts, pairwise_dice
from reference.dice import dice
from strategies import ensemble_predictions


def of_labels(labels, n_classes=3):
    """Members that are sure of these labels, shape (M, *S)."""
    labels = np.asarray(labels)
    planes = [np.moveaxis(np.eye(n_classes)[one], -1, 0)[None] for one in labels]
    ensemble = CheckpointEnsemble([lambda x, p=p: p for p in planes], outputs="probs", labels=True)
    return ensemble.predict(np.zeros((1, *labels.shape[1:])))


def one_if_nan(value):
    return 1.0 if math.isnan(value) else value


@given(ensemble_predictions(), st.data())
def test_each_class_as_sets_of_voxels(case, data):
    prediction, members = case
    labels = members.argmax(1)
    k = data.draw(st.integers(0, members.shape[1] - 1))
    pairs = [one_if_nan(dice(a, b, k)) for a, b in combinations(labels, 2)]
    assert pairwise_dice(prediction, k) == pytest.approx(1 - np.mean(pairs), abs=1e-12)


@given(ensemble_predictions(outputs="regions"), st.data())
def test_each_region_as_sets_of_voxels(case, data):
    prediction, members = case
    k = data.draw(st.integers(0, members.shape[1] - 1))
    pairs = [one_if_nan(dice(a, b, 1)) for a, b in combinations(members[:, k] > 0.5, 2)]
    assert pairwise_dice(prediction, k) == pytest.approx(1 - np.mean(pairs), abs=1e-12)


@given(ensemble_predictions())
def test_generalised_is_monais_with_uniform_weights(case):
    prediction, members = case
    n_classes = members.shape[1]
    hot = [torch.from_numpy(np.moveaxis(np.eye(n_classes)[m.argmax(0)], -1, 0))[None] for m in members]
    options = {"include_background": False, "weight_type": "uniform", "sum_over_classes": True}
    pairs = [compute_generalized_dice(a, b, **options).item() for a, b in combinations(hot, 2)]
    expected = 1 - np.mean([one_if_nan(pair) for pair in pairs])
    assert pairwise_dice(prediction, 0, of="generalised") == pytest.approx(expected, abs=1e-6)


@given(ensemble_predictions(), st.randoms())
def test_the_order_of_members_does_not_matter(case, random):
    prediction, members = case
    order = list(range(len(members)))
    random.shuffle(order)
    shuffled = of_labels(members.argmax(1)[order], members.shape[1])
    for of in ("class", "generalised"):
        assert pairwise_dice(shuffled, 1, of=of) == pytest.approx(pairwise_dice(prediction, 1, of=of))


def test_by_hand():
    prediction = of_labels([[0, 1, 1, 2], [1, 1, 0, 2], [0, 0, 0, 2]])
    # class 1: (0,1): 2*1/4; (0,2): 0; (1,2): 0.  all foreground: 2*2/6, 2*1/4, 2*1/4
    assert Fraction(pairwise_dice(prediction, 1)).limit_denominator(99) == 1 - Fraction(1, 2) / 3
    both = 1 - (Fraction(4, 6) + Fraction(2, 4) + Fraction(2, 4)) / 3
    assert Fraction(pairwise_dice(prediction, 1, of="generalised")).limit_denominator(99) == both
    counts = pair_counts(prediction)
    assert counts.both[:, 1].tolist() == [1, 0, 0]
    assert counts.either[:, 1].tolist() == [4, 2, 2]
    assert counts.both.dtype == np.int64


def test_members_that_agree_score_zero_also_on_nothing():
    assert pairwise_dice(of_labels([[0, 1], [0, 1]]), 1) == 0.0
    assert pairwise_dice(of_labels([[0, 0], [0, 0]]), 1) == 0.0
    assert pairwise_dice(of_labels([[0, 0], [0, 1]]), 1) == 1.0


def test_resolution_matters_more_than_spacing():
    # the same shift in mm costs a thin object more, and doubling every voxel costs nothing
    shifted = [[0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 1, 1]]
    thin = [[0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0]]
    assert pairwise_dice(of_labels(thin), 1) > pairwise_dice(of_labels(shifted), 1)
    assert pairwise_dice(of_labels(np.repeat(thin, 2, axis=1)), 1) == pairwise_dice(of_labels(thin), 1)


def test_a_hundred_million_voxels_are_counted_exactly():
    n = 2**24 + 3
    labels = torch.zeros(2, n, dtype=torch.uint8)
    labels[0, 0] = 1
    probs = np.broadcast_to(np.array([[1.0], [0.0]], np.float32), (2, n))
    known = Prediction.from_probs(probs.copy())
    known.moments.labels = list(labels)
    assert pair_counts(known).either[0].tolist() == [2 * n - 1, 1]


@pytest.mark.parametrize(
    ("prediction", "options", "message"),
    [
        (of_labels([[0, 1]]), {}, "needs at least two members, got 1"),
        (of_labels([[0, 1], [0, 1]]), {"of": "generalized"}, "of must be one of .*generalised"),
        (of_labels([[0, 1], [0, 1]]), {"class_index": 3}, r"class_index must lie in \[0, 3\)"),
        (Prediction.from_probs(np.full((2, 3), 0.5)), {}, "made with labels=True"),
    ],
)
def test_what_makes_no_sense_is_refused(prediction, options, message):
    with pytest.raises(ArgumentError, match=message):
        pairwise_dice(prediction, **{"class_index": 1, **options})
