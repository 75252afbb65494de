from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction

PROBS = np.array([[0.5, 1.0, 0.2], [0.25, 0.0, 0.7], [0.25, 0.0, 0.1]], np.float32)


def test_from_probs_gives_the_maps_that_a_mean_tells():
    prediction = Prediction.from_probs(PROBS)
    assert prediction.mean_prob is not None
    np.testing.assert_array_equal(prediction.mean_prob, PROBS)
    np.testing.assert_allclose(prediction.predictive_entropy[:2], [1.5, 0], atol=1e-6)
    np.testing.assert_allclose(prediction.class_entropy[0, :2], [1, 0], atol=1e-6)
    assert prediction.segmentation.tolist() == [0, 0, 1]
    assert prediction.n_members == 0


@pytest.mark.parametrize("name", ["mutual_information", "expected_entropy"])
def test_from_probs_says_what_a_mean_does_not_tell(name):
    with pytest.raises(ArgumentError, match="predict with a CheckpointEnsemble"):
        getattr(Prediction.from_probs(PROBS), name)


def test_from_probs_of_regions():
    prediction = Prediction.from_probs(
        torch.tensor([[0.5, 0.9], [0.5, 0.1]]), outputs="regions", region_order=(2, 5)
    )
    assert prediction.predictive_entropy[0] == 2.0
    assert prediction.segmentation.tolist() == [0, 2]


def test_many_classes_have_wide_labels():
    probs = np.zeros((300, 2), np.float32)
    probs[299] = 1
    prediction = Prediction.from_probs(probs)
    assert prediction.segmentation.tolist() == [299, 299]


@pytest.mark.parametrize(
    ("probs", "options", "message"),
    [
        (np.zeros((3, 4), np.uint8), {}, "probs must be floating point of shape"),
        (np.zeros(3), {}, "probs must be floating point of shape"),
        (PROBS, {"outputs": "logits"}, "take the softmax first"),
        (PROBS, {"region_order": (1, 2, 3)}, "needs outputs='regions'"),
        ([[0.5], [0.5]], {}, "wrap it with numpy.asarray"),
    ],
)
def test_what_is_no_probability_is_refused(probs, options, message):
    with pytest.raises(ArgumentError, match=message):
        Prediction.from_probs(probs, **options)


def test_logits_are_refused_when_a_map_is_asked_for():
    with pytest.raises(ArgumentError, match="pass softmax output, not logits"):
        _ = Prediction.from_probs(PROBS * 9).predictive_entropy


def test_a_prediction_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Prediction.from_probs(PROBS).region_order = (1,)


def test_from_probs_does_not_know_what_members_say():
    with pytest.raises(ArgumentError, match="the members' own labels were not kept"):
        _ = Prediction.from_probs(PROBS).member_labels
