"""The worst patch, against SciPy's convolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.mean import mean
from ckpt_uq.scores.patch_max import patch_max
from reference.entropy import entropy_map
from strategies import predictions, spacings


@given(predictions(), st.sampled_from([0.4, 1.0, 2.0, 3.0, 7.5]), st.data())
def test_as_a_convolution(prediction, size, data):
    probs = prediction.mean_prob
    spacing = data.draw(spacings(probs.ndim - 1))
    sides = [min(max(round(size / step), 1), n) for step, n in zip(spacing, probs.shape[1:], strict=True)]
    expected = convolve(entropy_map(probs), np.ones(sides), mode="valid", method="direct").max()
    got = patch_max(prediction, 0, size=size, spacing=spacing)
    assert got == pytest.approx(expected / math.prod(sides), abs=1e-6)


def test_the_patch_is_a_cube_in_millimetres():
    p = np.zeros((4, 8))
    p[0, 0:2] = 0.5  # two voxels in a row
    prediction = Prediction.from_probs(np.stack([1 - p, p]))
    assert patch_max(prediction, 1, size=2.0) == 0.5
    assert patch_max(prediction, 1, size=2.0, spacing=(2.0, 1.0)) == 1.0
    assert patch_max(prediction, 1, size=2.0, spacing=(1.0, 2.0)) == 0.5


@given(predictions())
def test_between_the_mean_and_the_largest_value(prediction):
    assert patch_max(prediction, 0, size=99.0) == pytest.approx(mean(prediction, 0), abs=1e-6)
    largest = float(prediction.predictive_entropy.max())
    assert patch_max(prediction, 0, size=1.0) == pytest.approx(largest)
    assert patch_max(prediction, 0, size=2.0) <= largest + 1e-6


def test_nothing_and_no_length():
    assert math.isnan(patch_max(Prediction.from_probs(np.zeros((2, 0, 3))), 0))
    with pytest.raises(ArgumentError, match="size must be a positive length in mm"):
        patch_max(Prediction.from_probs(np.full((2, 4), 0.5)), 0, size=0.0)
