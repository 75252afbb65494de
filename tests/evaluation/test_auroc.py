"""AUROC by comparing every pair."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.auroc import auroc

LABELLED = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=40)


@given(LABELLED)
def test_it_is_the_share_of_pairs_in_order(samples):
    positives = [score for score, positive in samples if positive]
    negatives = [score for score, positive in samples if not positive]
    pairs = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    got = auroc([score for score, _ in samples], [positive for _, positive in samples])
    assert type(got) is float
    assert got == pytest.approx(sum(pairs) / len(pairs) if pairs else math.nan, nan_ok=True)


@given(LABELLED.filter(lambda samples: len({positive for _, positive in samples}) == 2))
def test_negated_scores_give_the_complement(samples):
    scores, positives = zip(*samples, strict=True)
    one = auroc(scores, positives) + auroc([-s for s in scores], positives)
    assert one == pytest.approx(1.0)


def test_maps_of_any_kind():
    scores = np.random.default_rng(0).random((4, 30, 30)).astype(np.float32)
    positives = scores > 0.7
    assert auroc(scores, positives) == 1.0
    assert auroc(torch.from_numpy(scores), torch.from_numpy(positives.astype(np.uint8))) == 1.0


def test_infinite_scores_rank_at_the_ends():
    assert auroc([-math.inf, 0.0, math.inf], [0, 1, 1]) == 1.0


@pytest.mark.parametrize(
    ("scores", "positives", "message"),
    [
        ([0.1, math.nan], [0, 1], "scores must be numbers, got 1 NaN"),
        ([0.1, 0.2], [0, 1, 1], r"positives must have the shape of scores, \(2,\), got \(3,\)"),
        ([0.1, 0.2], [0, 2], r"positives must be boolean, got values in \[0, 2\]"),
    ],
)
def test_what_makes_no_sense_is_refused(scores, positives, message):
    with pytest.raises(ArgumentError, match=message):
        auroc(scores, positives)
