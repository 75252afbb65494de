"""Counts by first level, against a binary search, at the levels themselves and right beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.kernels.blocks import BLOCK_VOXELS
from ckpt_uq.kernels.filtering import count_by_first_level


def expected_counts(values, prediction, labels, levels):
    first = np.minimum(np.searchsorted(levels, values), len(levels) - 1)
    return np.bincount(4 * first + 2 * prediction + labels, minlength=4 * len(levels)).reshape(-1, 4)


@given(
    st.floats(1e-3, 1e3),
    st.integers(2, 130),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_as_a_binary_search(highest, n, dtype, seed):
    levels = np.linspace(0, 1, n) * highest
    rng = np.random.default_rng(seed)
    beside = [levels, np.nextafter(levels, np.inf), np.nextafter(levels, 0), rng.random(50) * highest * 1.01]
    values = np.concatenate(beside).astype(dtype)
    prediction, labels = rng.random((2, len(values))) < 0.4
    found = count_by_first_level(values, prediction, labels, levels)
    np.testing.assert_array_equal(found, expected_counts(values, prediction, labels, levels))


@pytest.mark.parametrize("n_voxels", [0, 2 * BLOCK_VOXELS + 3])
def test_every_voxel_of_every_block_once(n_voxels):
    values = np.random.default_rng(0).random(n_voxels)
    flags = values > 0.5
    levels = np.linspace(0, 1, 11)
    found = count_by_first_level(values, flags, ~flags, levels)
    np.testing.assert_array_equal(found, expected_counts(values, flags, ~flags, levels))
