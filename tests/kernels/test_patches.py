"""Means over patches, against every window by itself and against cumulated sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.kernels.patches import patch_means


@given(st.data(), st.integers(0, 2**32 - 1), st.sampled_from(["float32", "float64"]))
def test_as_every_window_by_itself(data, seed, dtype):
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    sides = [data.draw(st.integers(1, n)) for n in shape]
    values = np.random.default_rng(seed).random(shape).astype(dtype)
    windows = np.lib.stride_tricks.sliding_window_view(values.astype(np.float64), sides)
    expected = windows.mean(axis=tuple(range(-len(shape), 0)))
    np.testing.assert_allclose(patch_means(values, sides), expected, rtol=1e-12)
    turned = np.asfortranarray(values)
    np.testing.assert_array_equal(patch_means(turned, sides), patch_means(values, sides))


@pytest.mark.parametrize(("shape", "sides"), [((40, 300, 7), (3, 13, 2)), ((3, 2, 600), (1, 2, 250))])
def test_as_cumulated_sums_to_the_last_bit(shape, sides):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    means = values.astype(np.float64)
    for axis, n in enumerate(sides):
        sums = np.insert(np.cumsum(np.moveaxis(means, axis, 0), axis=0), 0, 0, axis=0)
        means = np.moveaxis((sums[n:] - sums[:-n]) / n, 0, axis)
    np.testing.assert_array_equal(patch_means(values, sides), means)
