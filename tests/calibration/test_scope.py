"""Which voxels count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.errors import ArgumentError
from strategies import masks, spacings


@given(masks(min_side=1), st.integers(0, 5), st.integers(-3, 2))
def test_the_roi_is_all_within_so_many_steps_in_the_slice(mask, pixels, axis):
    roi = scope_mask(mask.astype(np.uint8) * 3, "dilated_roi", pixels=pixels, slice_axis=axis)
    for truth, got in zip(np.moveaxis(mask, axis, 0), np.moveaxis(roi, axis, 0), strict=True):
        near = distance_transform_cdt(~truth, "taxicab") <= pixels if truth.any() else truth
        np.testing.assert_array_equal(got, near)


def test_four_pixels_by_default():
    labels = np.zeros((11, 11), np.int64)
    labels[5, 5] = 2
    roi = scope_mask(labels, "dilated_roi")
    assert roi.sum() == 1 + 4 * (1 + 2 + 3 + 4)
    assert roi.dtype == bool


@given(masks())
def test_all_and_foreground(mask):
    labels = mask * np.int16(2)
    assert scope_mask(labels).all()
    assert scope_mask(labels).shape == mask.shape
    np.testing.assert_array_equal(scope_mask(labels, "foreground"), mask)


@given(st.integers(0, 2**32 - 1), spacings(3), st.sampled_from([0.4, 1.0, 1.5, 3.0, 7.0]), st.integers(1, 3))
def test_the_band_is_all_that_is_near_another_label(seed, spacing, width, n_labels):
    rng = np.random.default_rng(seed)
    labels = np.zeros((4, 6, 5), np.int16)
    labels[1:3, 2:5, 1:4] = rng.integers(0, n_labels + 1, (2, 3, 3))
    band = scope_mask(labels, "boundary", width=width, spacing=spacing)
    places, flat = np.argwhere(labels > -1) * np.array(spacing), labels.ravel()
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    distance[flat[:, None] == flat[None]] = np.inf
    np.testing.assert_array_equal(band.ravel(), distance.min(axis=1) <= width)


def test_coarse_slices_do_not_see_each_other():
    labels = np.zeros((3, 7, 7), np.uint8)
    labels[1, 2:5, 2:5] = 1
    band = scope_mask(labels, "boundary", width=2.0, spacing=(5.0, 1.0, 1.0))
    assert not band[[0, 2]].any()
    assert band[1].sum() > 9
    assert scope_mask(labels, "boundary", width=5.0, spacing=(5.0, 1.0, 1.0))[0, 3, 3]


def test_without_another_label_there_is_no_boundary():
    assert not scope_mask(np.zeros((4, 4), int), "boundary").any()
    assert not scope_mask(np.ones((4, 4), int), "boundary").any()


@pytest.mark.parametrize("scope", ["all", "foreground", "dilated_roi", "boundary"])
def test_tensors_give_tensors(scope):
    labels = torch.zeros(3, 8, 8, dtype=torch.int64)
    labels[1, 2, 2] = 1
    got = scope_mask(labels, scope, pixels=1)
    assert got.dtype == torch.bool
    np.testing.assert_array_equal(got.numpy(), scope_mask(labels.numpy(), scope, pixels=1))


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (np.zeros((4, 4), int), {"scope": "roi"}, r"scope must be one of \('all', .*got 'roi'"),
        (np.zeros((4, 4)), {}, "labels must be integers .*float64"),
        (
            np.zeros((4, 4), int),
            {"scope": "dilated_roi", "pixels": -1},
            "pixels must be an int.* >= 0, got -1",
        ),
        (np.zeros((4, 4), int), {"pixels": 1.5}, "pixels must be an integer >= 0, got 1.5"),
        (np.zeros(4, int), {"scope": "dilated_roi"}, r"grid of 2 or 3 dimensions.*got \(4,\)"),
        (np.zeros((2, 4, 4), int), {"scope": "dilated_roi", "slice_axis": 3}, "slice_axis must.*got 3"),
        (np.zeros((2, 4, 4), int), {"scope": "dilated_roi", "slice_axis": 1.0}, "slice_axis must.*got 1.0"),
        (np.zeros((4, 4), int), {"scope": "boundary", "width": -1.0}, "width must"),
        (np.zeros((4, 4), int), {"scope": "boundary", "spacing": (1.0,)}, "spacing must"),
    ],
)
def test_arguments_that_make_no_sense(labels, options, message):
    with pytest.raises(ArgumentError, match=message):
        scope_mask(labels, **options)
