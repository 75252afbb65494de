"""Mean uncertainty where the class is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.foreground import foreground
from reference.entropy import entropy_map
from strategies import predictions


@given(predictions(), st.integers(0, 2), st.sampled_from(["threshold", "argmax"]))
def test_it_is_the_mean_over_the_class(prediction, k, mask):
    probs = prediction.mean_prob
    inside = probs[k] > 0.5 if mask == "threshold" else probs.argmax(0) == k
    expected = entropy_map(probs)[inside].mean() if inside.any() else math.nan
    assert foreground(prediction, k, mask=mask) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@given(predictions(), st.integers(1, 2))
def test_neither_the_field_of_view_nor_the_spacing_matters(prediction, k):
    probs = prediction.mean_prob
    doubled = np.repeat(probs, 2, axis=1)  # the same object on slices half as far apart
    sure = np.zeros_like(probs)
    sure[0] = 1
    for other in (doubled, np.concatenate([probs, sure], axis=1)):
        got = foreground(Prediction.from_probs(other), k)
        assert got == pytest.approx(foreground(prediction, k), rel=1e-6, nan_ok=True)


def test_regions_have_masks_but_no_argmax():
    prediction = Prediction.from_probs(np.array([[0.75, 0.25]]), outputs="regions")
    bits = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert foreground(prediction, 0) == pytest.approx(bits)
    with pytest.raises(ArgumentError, match="mask='argmax' needs classes, got regions"):
        foreground(prediction, 0, mask="argmax")


def test_an_unknown_mask_is_refused():
    with pytest.raises(ArgumentError, match="mask must be one of"):
        foreground(Prediction.from_probs(np.full((2, 2), 0.5)), 0, mask="softmax")
