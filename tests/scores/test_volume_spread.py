"""Volumes of the members, and what spacing makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.volume_spread import predicted_volume, volume_spread
from strategies import ensemble_predictions, spacings


@pytest.mark.parametrize("outputs", ["probs", "regions"])
def test_as_the_counts_of_all_members(outputs):
    @given(ensemble_predictions(outputs=outputs), st.sampled_from([0.5, 0.8, 1.0]), st.data())
    def check(case, level, data):
        prediction, members = case
        k = data.draw(st.integers(0, members.shape[1] - 1))
        spacing = data.draw(spacings(members.ndim - 2))
        inside = members[:, k] > 0.5 if outputs == "regions" else members.argmax(1) == k
        counts = inside.reshape(len(members), -1).sum(1)
        low, high = np.quantile(counts, [(1 - level) / 2, (1 + level) / 2])
        expected = (high - low) / counts.mean() if counts.any() else math.nan
        assert volume_spread(prediction, k, level=level) == pytest.approx(expected, nan_ok=True)
        volume = predicted_volume(prediction, k, spacing=spacing, level=level)
        voxel = math.prod(spacing)
        assert volume.mm3 == pytest.approx((prediction.mean_prob[k] > 0.5).sum() * voxel)
        assert volume[1:] == pytest.approx((low * voxel, high * voxel))

    check()


@given(ensemble_predictions(), st.data())
def test_volume_is_proportional_to_the_voxel_and_the_score_is_not(case, data):
    prediction, members = case
    spacing = data.draw(spacings(members.ndim - 2))
    plain, scaled = predicted_volume(prediction, 1), predicted_volume(prediction, 1, spacing=spacing)
    assert scaled == pytest.approx([value * math.prod(spacing) for value in plain])


@pytest.mark.parametrize("level", [0.0, 1.1, math.nan])
def test_a_level_is_a_share(level):
    prediction = Prediction.from_probs(np.full((2, 3), 0.5))
    with pytest.raises(ArgumentError, match="made with labels=True"):
        volume_spread(prediction, 1)
    prediction.moments.labels = [prediction.moments.mean_prob[0].byte()]
    with pytest.raises(ArgumentError, match=r"level must lie in \(0, 1\]"):
        volume_spread(prediction, 1, level=level)
