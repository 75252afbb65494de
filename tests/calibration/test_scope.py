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
from strategies import masks


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


@pytest.mark.parametrize("scope", ["all", "foreground", "dilated_roi"])
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
        (np.zeros((4, 4), int), {"scope": "dilated_roi", "pixels": -1}, "pixels must be >= 0, got -1"),
        (np.zeros(4, int), {"scope": "dilated_roi"}, r"grid of 2 or 3 dimensions.*got \(4,\)"),
        (np.zeros((2, 4, 4), int), {"scope": "dilated_roi", "slice_axis": 3}, "slice_axis=3"),
    ],
)
def test_arguments_that_make_no_sense(labels, options, message):
    with pytest.raises(ArgumentError, match=message):
        scope_mask(labels, **options)
