"""Losses of nested contours against the contours themselves, drawn one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion, generate_binary_structure
from skimage.measure import label

from ckpt_uq.conformal.families import (
    inner_margin,
    inner_threshold,
    margins,
    outer_margin,
    outer_threshold,
    thresholds,
)
from ckpt_uq.conformal.losses import missed_lesions, missed_voxels, surplus_voxels
from ckpt_uq.errors import ArgumentError
from strategies import masks

LAMBDAS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def field(seed, shape):
    return np.random.default_rng(seed).integers(0, 9, shape) / 8


@settings(max_examples=40)
@given(masks(min_side=1), st.integers(0, 99), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_losses_are_those_of_the_contours(truth, seed, overlap):
    when = field(seed, truth.shape)
    voxels, lesions = (
        missed_voxels(when, truth, LAMBDAS),
        missed_lesions(when, truth, LAMBDAS, min_overlap=overlap),
    )
    surplus, components = surplus_voxels(when, truth, LAMBDAS), label(truth, connectivity=truth.ndim)
    if not truth.any():
        assert np.isnan([voxels, lesions, surplus]).all()
        return
    for j, lam in enumerate(LAMBDAS):
        outer, inner = when <= lam, when > lam
        assert voxels[j] == pytest.approx((truth & ~outer).sum() / truth.sum())
        assert surplus[j] == pytest.approx(min(1, (inner & ~truth).sum() / truth.sum()))
        shares = [outer[components == i].mean() for i in range(1, components.max() + 1)]
        assert lesions[j] == pytest.approx(np.mean([share <= overlap for share in shares]))


@given(masks(min_side=1), st.integers(0, 99))
def test_caution_never_costs(truth, seed):
    when = field(seed, truth.shape)
    for loss in (missed_voxels, missed_lesions, surplus_voxels):
        assert not (np.diff(loss(when, truth, LAMBDAS)) > 0).any()


@pytest.mark.parametrize("steps", [1, 2])
def test_margins_of_a_line_are_dilations_and_erosions(steps):
    mask = np.zeros((1, 1, 20), bool)
    mask[..., 5:14] = True
    element = generate_binary_structure(3, 1)
    np.testing.assert_array_equal(outer_margin(mask) <= steps, binary_dilation(mask, element, steps))
    np.testing.assert_array_equal(
        inner_margin(mask) > steps, binary_erosion(mask, element, steps, border_value=1)
    )


def test_margins_are_in_millimetres():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    distance = outer_margin(mask, spacing=(3.0, 0.5))
    assert (distance[0, 2], distance[2, 0], distance[1, 0]) == (6.0, 1.0, np.hypot(3.0, 1.0))
    assert inner_margin(~mask, spacing=(3.0, 0.5))[1, 2] == 3.0


def test_what_was_not_found_enters_with_the_whole_image():
    lambdas, truth = margins(10.0, n=4), np.ones((3, 3), bool)
    losses = missed_voxels(outer_margin(np.zeros((3, 3), bool)), truth, lambdas)
    assert losses.tolist() == [1.0] * 5 + [0.0]
    assert (inner_margin(np.ones((3, 3), bool)) == np.inf).all()


def test_thresholds_reach_the_whole_image_and_nothing():
    prob, truth = np.array([0.0, 1e-7, 0.5, 1.0]), np.ones(4, bool)
    assert missed_voxels(outer_threshold(prob), truth, thresholds())[-1] == 0.0
    assert surplus_voxels(inner_threshold(prob), ~truth | (prob == 0), thresholds())[-1] == 0.0
    assert (np.diff(thresholds()) > 0).all()


def test_the_inner_contour_lies_within_the_outer_one():
    prob = field(0, (6, 6))
    for lam in (0.5, 0.75):
        assert not ((inner_threshold(prob) > lam) & ~(outer_threshold(prob) <= lam)).any()


def test_tensors_are_welcome():
    prob, truth = torch.rand(4, 4), torch.ones(4, 4, dtype=torch.bool)
    got = missed_voxels(outer_threshold(prob), truth, LAMBDAS)
    np.testing.assert_array_equal(got, missed_voxels(outer_threshold(prob.numpy()), truth.numpy(), LAMBDAS))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: outer_threshold(np.array([2.0])), r"prob must lie in \[0, 1\]"),
        (lambda: outer_threshold(np.array([1])), "prob must be of a floating-point dtype"),
        (lambda: inner_threshold(np.array([np.nan])), "prob must be numbers"),
        (lambda: outer_margin(np.array([1])), "mask must be boolean"),
        (lambda: outer_margin(np.ones((2, 2), bool), spacing=(1.0,)), "spacing must be 2 positive numbers"),
        (lambda: missed_voxels(np.zeros(3), np.ones(4, bool), [0]), "truth must be boolean on a grid"),
        (
            lambda: missed_voxels(np.full(3, np.nan), np.ones(3, bool), [0]),
            "entry must be numbers, got 3 NaN",
        ),
        (lambda: missed_voxels(np.zeros(3), np.ones(3, bool), [1, 0]), "lambdas must be rising"),
        (lambda: missed_lesions(np.zeros(3), np.ones(3, bool), [0], min_overlap=1), r"must lie in \[0, 1\)"),
        (lambda: margins(0.0), "largest must be positive"),
        (lambda: thresholds(0), "n must be >= 1"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
