"""Mean uncertainty of the grid, of a class, and of the voxels above a level."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.mean import mean
from reference.entropy import binary_entropy_map, entropy_map
from strategies import ensemble_predictions, predictions


@given(predictions(), st.integers(0, 2))
def test_it_is_the_mean_of_the_map(prediction, k):
    assert mean(prediction, k) == pytest.approx(entropy_map(prediction.mean_prob).mean(), abs=1e-6)
    by_class = mean(prediction, k, uncertainty="class_entropy")
    assert by_class == pytest.approx(binary_entropy_map(prediction.mean_prob[k]).mean(), abs=1e-6)


@given(ensemble_predictions())
def test_total_is_expected_plus_mutual(case):
    prediction, _ = case
    parts = [mean(prediction, 0, uncertainty=name) for name in ("expected_entropy", "mutual_information")]
    assert mean(prediction, 0) == pytest.approx(sum(parts), abs=1e-5)


@given(predictions(), st.integers(1, 4))
def test_a_larger_field_of_view_of_sure_background_lowers_it_in_proportion(prediction, n_times):
    probs = prediction.mean_prob
    sure = np.zeros((3, probs.shape[1] * n_times, *probs.shape[2:]), probs.dtype)
    sure[0] = 1
    larger = Prediction.from_probs(np.concatenate([probs, sure], axis=1))
    assert mean(larger, 1) == pytest.approx(mean(prediction, 1) / (1 + n_times), rel=1e-6)


def test_by_hand():
    probs = np.array([[0.5, 0.5, 1.0], [0.25, 0.5, 0.0], [0.25, 0.0, 0.0]])  # 3/2, 1 and 0 bits
    assert Fraction(mean(Prediction.from_probs(probs), 0)).limit_denominator(100) == Fraction(5, 6)


def test_nothing_has_no_mean():
    assert math.isnan(mean(Prediction.from_probs(np.zeros((2, 0))), 0))


@pytest.mark.parametrize(
    ("k", "options", "message"),
    [
        (3, {}, r"class_index must lie in \[0, 3\), got 3"),
        (0, {"uncertainty": "entropy"}, "uncertainty must be one of .*predictive_entropy.*got 'entropy'"),
        (0, {"uncertainty": "mutual_information"}, "predict with a CheckpointEnsemble"),
    ],
)
def test_what_makes_no_sense_is_refused(k, options, message):
    with pytest.raises(ArgumentError, match=message):
        mean(Prediction.from_probs(np.full((3, 2), 1 / 3)), k, **options)
