"""Distances to a mask and across its boundary, against every pair of voxels and against SciPy."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from ckpt_uq.kernels.distance import distance_to, distance_to_other_side
from reference.distance import distances_to, distances_to_other_side
from strategies import masks, spacings

LIMITS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 5.0])


@given(masks(min_side=1, max_side=5), spacings(3))
def test_as_every_pair_of_voxels(mask, spacing):
    np.testing.assert_allclose(distance_to(mask, spacing), distances_to(mask, spacing), rtol=1e-12)
    np.testing.assert_allclose(
        distance_to_other_side(mask, spacing), distances_to_other_side(mask, spacing), rtol=1e-12
    )


@given(st.integers(1, 4), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1), st.data())
def test_as_scipy_in_any_number_of_dimensions(ndim, share, seed, data):
    shape = tuple(data.draw(st.integers(1, 40 if ndim < 3 else 12)) for _ in range(ndim))
    mask = np.random.default_rng(seed).random(shape) < share**4  # often a few voxels, far from each other
    spacing = data.draw(spacings(ndim))
    expected = distance_transform_edt(~mask, sampling=spacing) if mask.any() else np.full(shape, np.inf)
    np.testing.assert_allclose(distance_to(mask, spacing), expected, rtol=1e-13)


@given(masks(min_side=1, max_side=9), spacings(3), LIMITS)
def test_beyond_the_limit_it_is_infinitely_far(mask, spacing, limit):
    for of in (distance_to, distance_to_other_side):
        unlimited = of(mask, spacing)
        np.testing.assert_array_equal(
            of(mask, spacing, limit), np.where(unlimited <= limit, unlimited, np.inf)
        )


@given(masks(min_side=1, max_side=5), st.permutations(range(3)))
def test_any_memory_layout(mask, order):
    back = np.argsort(order)
    turned = np.ascontiguousarray(mask.transpose(order)).transpose(back)
    np.testing.assert_array_equal(distance_to(turned, (3.0, 0.5, 1.0)), distance_to(mask, (3.0, 0.5, 1.0)))


def test_blocks_of_planes_do_not_show():
    rng = np.random.default_rng(0)
    mask = rng.random((30, 90, 110)) > 0.9999
    expected = distance_transform_edt(~mask, sampling=(3.0, 0.75, 0.75))
    np.testing.assert_array_equal(distance_to(mask, (3.0, 0.75, 0.75)), expected)


@given(masks(min_side=1, max_side=5), spacings(3), st.sampled_from([0.5, 2.0, 4.0]))
def test_distances_scale_with_the_spacing(mask, spacing, factor):
    scaled = tuple(factor * step for step in spacing)
    np.testing.assert_array_equal(
        distance_to_other_side(mask, scaled), factor * distance_to_other_side(mask, spacing)
    )


def test_without_a_boundary_it_is_infinitely_far():
    for mask in (np.zeros((2, 3), bool), np.ones((2, 3), bool)):
        assert np.isinf(distance_to_other_side(mask, (1.0, 1.0))).all()


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4, 4), (4, 0, 4)])
def test_nothing_is_near_nothing(shape):
    assert distance_to_other_side(np.zeros(shape, bool), (1.0,) * len(shape)).shape == shape


def test_memory_is_the_result_and_four_bytes_a_voxel():
    mask = np.zeros((64, 128, 128), bool)
    mask[20:40, 30:90, 30:90] = True
    distance_to(mask, (3.0, 1.0, 1.0))
    tracemalloc.start()
    result = distance_to(mask, (3.0, 1.0, 1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < result.nbytes + 4 * mask.size + 500_000
