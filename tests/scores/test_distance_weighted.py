"""Uncertainty weighted by the distance from the boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.distance_weighted import distance_weighted
from ckpt_uq.scores.mean import mean
from reference.distance import distances_to_other_side
from reference.entropy import entropy_map
from strategies import predictions, spacings


@given(predictions(), st.integers(0, 2), st.sampled_from([0.5, 2.0, 10.0]), st.data())
def test_as_the_naive_twin(prediction, k, limit, data):
    probs = prediction.mean_prob
    spacing = data.draw(spacings(probs.ndim - 1))
    weight = np.minimum(distances_to_other_side(probs[k] > 0.5, spacing) / limit, 1)
    expected = np.average(entropy_map(probs), weights=weight)
    got = distance_weighted(prediction, k, limit=limit, spacing=spacing)
    assert got == pytest.approx(expected, abs=1e-6)


@given(predictions(min_ndim=2), st.integers(0, 2), st.sampled_from([0.5, 2.0]), st.data())
def test_only_limit_over_spacing_matters(prediction, k, factor, data):
    spacing = data.draw(spacings(prediction.mean_prob.ndim - 1))
    scaled = [factor * step for step in spacing]
    one = distance_weighted(prediction, k, limit=10.0, spacing=spacing)
    assert distance_weighted(prediction, k, limit=10.0 * factor, spacing=scaled) == pytest.approx(one)


def test_a_coarse_axis_weighs_its_neighbours_more():
    p = np.array([[0.0, 1.0, 1.0], [0.5, 0.0, 0.0]])
    prediction = Prediction.from_probs(np.stack([1 - p, p]))
    # distances by hand: 1 1 1 / sqrt 2, 1, 1, and with rows 5 mm apart 1 1 2 / sqrt 26, 5, 5
    expected = [2**0.5 / (5 + 2**0.5), 26**0.5 / (14 + 26**0.5)]
    got = [distance_weighted(prediction, 1, limit=99.0, spacing=(rows, 1.0)) for rows in (1.0, 5.0)]
    assert got == pytest.approx(expected)


def test_without_a_boundary_it_is_the_mean():
    prediction = Prediction.from_probs(np.full((3, 4, 4), 1 / 3))
    assert distance_weighted(prediction, 0) == pytest.approx(mean(prediction, 0))


def test_what_is_no_length_is_refused():
    with pytest.raises(ArgumentError, match="limit must be a positive length in mm"):
        distance_weighted(Prediction.from_probs(np.full((2, 4), 0.5)), 0, limit=-1.0)
