"""Near a class's boundary and away from it, with a width in millimetres."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.boundary import boundary, boundary_band
from ckpt_uq.scores.mean import mean
from ckpt_uq.scores.non_boundary import non_boundary
from reference.distance import distances_to_other_side
from reference.entropy import entropy_map
from strategies import predictions, spacings


def average(values):
    return values.mean() if values.size else math.nan


@given(predictions(), st.integers(0, 2), st.sampled_from([1.0, 1.5, 3.0, 5.2]), st.data())
def test_both_sides_of_the_band_as_the_naive_twin(prediction, k, width, data):
    probs = prediction.mean_prob
    spacing = data.draw(spacings(probs.ndim - 1))
    near = distances_to_other_side(probs[k] > 0.5, spacing) <= width
    bits = entropy_map(probs)
    options = {"width": width, "spacing": spacing}
    assert boundary(prediction, k, **options) == pytest.approx(average(bits[near]), abs=1e-6, nan_ok=True)
    assert non_boundary(prediction, k, **options) == pytest.approx(
        average(bits[~near]), abs=1e-6, nan_ok=True
    )


@given(predictions(min_ndim=3), st.integers(0, 2), spacings(3), st.sampled_from([0.25, 2.0, 8.0]))
def test_only_width_over_spacing_matters(prediction, k, spacing, factor):
    scaled = [factor * step for step in spacing]
    for score in (boundary, non_boundary):
        one = score(prediction, k, width=3.0, spacing=spacing)
        assert score(prediction, k, width=3.0 * factor, spacing=scaled) == pytest.approx(one, nan_ok=True)


def test_the_band_does_not_cross_slices_farther_apart_than_its_width():
    inside = np.zeros((3, 7, 7), bool)
    inside[1, 2:5, 2:5] = True
    thin, coarse = (boundary_band(inside, 1.0, (step, 1.0, 1.0)) for step in (1.0, 5.0))
    assert thin[0].sum() == thin[2].sum() == 9
    assert not coarse[[0, 2]].any()
    assert coarse[1].sum() == 8 + 12  # the rim inside, and a cross's step around it
    assert thin[1].sum() == 9 + 12  # the middle, too, has an outside neighbour a slice away


def test_wide_bands_hold_everything_and_empty_masks_have_none():
    prediction = Prediction.from_probs(np.array([[0.75, 0.5, 0.25], [0.25, 0.5, 0.75]]))
    assert boundary(prediction, 1, width=9.0) == mean(prediction, 1)
    assert math.isnan(non_boundary(prediction, 1, width=9.0))
    empty = Prediction.from_probs(np.full((2, 4), 0.5))
    assert math.isnan(boundary(empty, 1))
    assert non_boundary(empty, 1) == 1.0


@pytest.mark.parametrize("score", [boundary, non_boundary])
def test_what_is_no_length_is_refused(score):
    prediction = Prediction.from_probs(np.full((2, 4, 4), 0.5))
    with pytest.raises(ArgumentError, match="width must be a positive length in mm"):
        score(prediction, 0, width=0.0)
    with pytest.raises(ArgumentError, match="spacing must be 2 positive numbers"):
        score(prediction, 0, spacing=(1.0, 1.0, 1.0))
