"""Scalings of logits, and the two orders of averaging and calibrating."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.errors import ArgumentError
from ckpt_uq.posthoc.scaling import LogitScaling
from ckpt_uq.prediction import Prediction

LOGITS = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_each_class_has_its_own():
    got = LogitScaling((0.5, 1.0, 2.0), (0.0, -1.0, 1.0))(LOGITS)
    expected = [0.5 * LOGITS[0], LOGITS[1] - 1, 2 * LOGITS[2] + 1]
    torch.testing.assert_close(got, torch.stack(expected))
    assert got.dtype == torch.float64


def test_a_temperature_is_for_any_number_of_classes():
    warm = LogitScaling.of_temperature(4.0)
    assert warm.temperature == (4.0,)
    torch.testing.assert_close(warm(LOGITS), LOGITS / 4)
    torch.testing.assert_close(warm(LOGITS[:2]), LOGITS[:2] / 4)


def test_members_are_calibrated_before_they_are_averaged():
    torch.manual_seed(0)
    models = [nn.Conv2d(1, 3, 1) for _ in range(3)]
    images = torch.randn(2, 1, 6, 5)
    scaling = LogitScaling((0.5, 1.0, 2.0), (0.0, -1.0, 1.0))
    wrapped = [lambda x, model=model: torch.stack([scaling(z) for z in model(x)]) for model in models]
    expected = CheckpointEnsemble(wrapped).predict_batch(images)
    for got, want in zip(
        CheckpointEnsemble(models).predict_batch(images, transform=scaling), expected, strict=True
    ):
        torch.testing.assert_close(got.mean_prob, want.mean_prob)
        torch.testing.assert_close(got.mutual_information, want.mutual_information)
    one = CheckpointEnsemble(models).predict(images[0], transform=scaling)
    torch.testing.assert_close(one.mean_prob, expected[0].mean_prob)


def test_the_average_is_calibrated_after_it_is_made():
    models = [lambda x: x, lambda x: -x]
    prediction = CheckpointEnsemble(models).predict(LOGITS.numpy())
    got = prediction.recalibrated(LogitScaling.of_temperature(2.0))
    p = (LOGITS.softmax(0) + (-LOGITS).softmax(0)).div(2).numpy()
    np.testing.assert_allclose(got.mean_prob, np.sqrt(p) / np.sqrt(p).sum(0), rtol=1e-12)
    assert type(got.mean_prob) is np.ndarray
    np.testing.assert_array_equal(got.segmentation, prediction.segmentation)
    assert got.n_members == 0
    with pytest.raises(ArgumentError, match="need the members' own entropies"):
        got.mutual_information  # noqa: B018


def test_regions_are_calibrated_in_log_odds():
    ensemble = CheckpointEnsemble([lambda x: x], outputs="regions", region_order=(2, 1, 3))
    prediction = ensemble.predict(LOGITS)
    for got in (
        prediction.recalibrated(lambda z: z / 2),
        ensemble.predict(LOGITS, transform=lambda z: z / 2),
    ):
        torch.testing.assert_close(got.mean_prob, (LOGITS / 2).sigmoid())
        assert got.region_order == (2, 1, 3)


def test_a_transform_needs_logits_and_keeps_their_shape():
    probs = CheckpointEnsemble([lambda x: x.softmax(1)], outputs="probs")
    with pytest.raises(ArgumentError, match=r"transform maps logits.*Prediction\.recalibrated"):
        probs.predict(LOGITS, transform=lambda z: z)
    with pytest.raises(ArgumentError, match=r"shape it got, \(3, 5, 4\), got \(1, 5, 4\)"):
        CheckpointEnsemble([lambda x: x]).predict(LOGITS, transform=lambda z: z[:1])


def test_probabilities_in_place_of_logits_are_still_seen():
    ensemble = CheckpointEnsemble([lambda x: x.softmax(1)])
    with pytest.raises(Exception, match="softmax would be taken twice"):
        ensemble.predict(LOGITS, transform=LogitScaling.of_temperature(3.0))


@pytest.mark.parametrize(
    ("scale", "shift", "message"),
    [
        ((), (), "scale and shift must be equally long, got 0 and 0"),
        ((1.0,), (0.0, 0.0), "got 1 and 2 numbers"),
        ((0.0,), (0.0,), "scale must be positive"),
        ((1.0,), (float("inf"),), "shift finite"),
    ],
)
def test_scalings_that_make_no_sense(scale, shift, message):
    with pytest.raises(ArgumentError, match=message):
        LogitScaling(scale, shift)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperatures_that_make_no_sense(temperature):
    with pytest.raises(ArgumentError, match="temperature must be positive"):
        LogitScaling.of_temperature(temperature)


def test_the_classes_must_be_those_of_the_scaling():
    with pytest.raises(
        ArgumentError, match=r"the 2 classes that the scaling was made for, got shape \(3, 5, 4\)"
    ):
        LogitScaling((1.0, 1.0), (0.0, 0.0))(LOGITS)


def test_certain_half_precision_probabilities_lose_confidence_too():
    probs = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    whole, half = (
        Prediction.from_probs(p).recalibrated(LogitScaling.of_temperature(10.0)).mean_prob
        for p in (probs, probs.half())
    )
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, whole, rtol=0, atol=1e-6)
    assert 0.9 < whole[0, 0] < 0.95
