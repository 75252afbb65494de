"""Mean of what exceeds a level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.threshold import threshold
from strategies import predictions


@given(predictions(), st.sampled_from([0.0, 0.1, 0.7, 1.2]))
def test_it_is_the_mean_above_the_level(prediction, level):
    bits = np.asarray(prediction.predictive_entropy, np.float64)
    above = bits[bits > level]
    expected = above.mean() if above.size else 0.0
    assert threshold(prediction, 0, level=level) == pytest.approx(expected)


@given(predictions(), st.sampled_from([0.1, 0.7]))
def test_neither_the_field_of_view_nor_the_spacing_matters(prediction, level):
    probs = prediction.mean_prob
    sure = np.zeros_like(probs)
    sure[0] = 1
    for other in (np.repeat(probs, 3, axis=1), np.concatenate([probs, sure], axis=1)):
        got = threshold(Prediction.from_probs(other), 0, level=level)
        assert got == pytest.approx(threshold(prediction, 0, level=level), rel=1e-6)


@pytest.mark.parametrize("level", [-0.1, math.nan])
def test_a_level_below_zero_is_refused(level):
    with pytest.raises(ArgumentError, match="level must be a number of bits >= 0"):
        threshold(Prediction.from_probs(np.full((2, 4), 0.5)), 0, level=level)
