"""Dice of label maps with any number of labels, counted in integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.dice import dice_per_class
from reference.dice import dice


@st.composite
def label_maps(draw):
    """Two label maps of one shape, from alike to unrelated, and the number of classes."""
    n_classes = draw(st.integers(1, 5))
    shape = draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.integers(0, n_classes, shape)
    other = rng.integers(0, n_classes, shape)
    return np.where(rng.random(shape) < draw(st.floats(0, 1)), truth, other), truth, n_classes


@given(label_maps())
def test_every_class_as_the_definition(case):
    guess, truth, n_classes = case
    np.testing.assert_allclose(
        dice_per_class(guess, truth, n_classes), [dice(guess, truth, k) for k in range(n_classes)], rtol=1e-15
    )


@given(label_maps())
def test_dice_is_symmetric_and_one_for_equals(case):
    guess, truth, n = case
    np.testing.assert_array_equal(dice_per_class(guess, truth, n), dice_per_class(truth, guess, n))
    assert set(dice_per_class(truth, truth, n)[np.unique(truth)]) <= {1.0}


def test_labels_are_no_numbers():
    # 2 * sum(a * b) / (sum(a) + sum(b)), the formula for 0 and 1, gives 2 * 4 / 6 = 4/3 for these
    guess, truth = np.array([0, 2, 0, 2]), np.array([0, 2, 0, 0])
    assert dice_per_class(guess, truth, 3)[2] == 2 / 3


def test_one_empty_is_zero_and_both_empty_is_nothing():
    assert dice_per_class(np.array([1, 1]), np.array([0, 0]), 3).tolist()[:2] == [0.0, 0.0]
    assert np.isnan(dice_per_class(np.array([1, 1]), np.array([0, 0]), 3)[2])


def test_counts_beyond_single_precision():
    n = 2**24 + 3
    truth = np.zeros(n, np.uint8)
    guess = truth.copy()
    guess[0] = 1
    assert dice_per_class(guess, truth, 2)[0] == 2 * (n - 1) / (2 * n - 1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_tensors(dtype):
    guess, truth = torch.tensor([0, 1, 1]).to(dtype), torch.tensor([0, 0, 1]).to(dtype)
    assert dice_per_class(guess, truth, 2).tolist() == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("guess", "truth", "n_classes", "message"),
    [
        (
            np.array([0, 3]),
            np.array([0, 1]),
            3,
            r"prediction and labels must lie in \[0, 3\), got labels in \[0, 3\]",
        ),
        (np.array([0, 1]), np.array([0, -1]), 3, r"got labels in \[-1, 1\]; replace or mask out"),
        (np.array([0, 1]), np.array([0, 255], np.uint8), 3, r"got labels in \[0, 255\]"),
        (np.zeros(3, int), np.zeros(4, int), 2, r"prediction must be integers on a grid of shape \(4,\)"),
        (np.zeros(3), np.zeros(3, int), 2, "prediction must be integers .*float64"),
        (np.zeros(3, int), np.zeros(3), 2, "labels must be integers .*float64"),
        (np.zeros(3, int), np.zeros(3, int), 0, r"must lie in \[0, 0\)"),
        ([0, 1], np.zeros(2, int), 2, "prediction must be a NumPy array.*got list"),
    ],
)
def test_what_makes_no_sense_is_refused(guess, truth, n_classes, message):
    with pytest.raises(ArgumentError, match=message):
        dice_per_class(guess, truth, n_classes)
