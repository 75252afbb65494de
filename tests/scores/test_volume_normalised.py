"""Sum of uncertainty per voxel of the class."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.volume_normalised import volume_normalised
from reference.entropy import entropy_map
from strategies import predictions


@given(predictions(), st.integers(0, 2))
def test_it_is_the_sum_over_the_count(prediction, k):
    probs = prediction.mean_prob
    n = (probs[k] > 0.5).sum()
    expected = entropy_map(probs).sum() / n if n else math.nan
    assert volume_normalised(prediction, k) == pytest.approx(expected, abs=1e-5, nan_ok=True)


@given(predictions(), st.integers(1, 2))
def test_neither_sure_background_nor_spacing_matters(prediction, k):
    probs = prediction.mean_prob
    sure = np.zeros_like(probs)
    sure[0] = 1
    for other in (np.repeat(probs, 2, axis=1), np.concatenate([probs, sure], axis=1)):
        got = volume_normalised(Prediction.from_probs(other), k)
        assert got == pytest.approx(volume_normalised(prediction, k), rel=1e-6, nan_ok=True)


def test_a_smaller_object_with_the_same_rim_scores_higher():
    def bar(length):
        p = np.array([0.0, 0.5, *[1.0] * length, 0.5, 0.0])
        return Prediction.from_probs(np.stack([1 - p, p]))

    assert [volume_normalised(bar(n), 1) for n in (1, 2, 4)] == [2.0, 1.0, 0.5]
