"""Distances to a mask and across its boundary, against every pair of voxels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.kernels.distance import distance_to, distance_to_other_side
from reference.distance import distances_to, distances_to_other_side
from strategies import masks, spacings


@given(masks(min_side=1, max_side=5), spacings(3))
def test_as_every_pair_of_voxels(mask, spacing):
    np.testing.assert_allclose(distance_to(mask, spacing), distances_to(mask, spacing), rtol=1e-12)
    np.testing.assert_allclose(
        distance_to_other_side(mask, spacing), distances_to_other_side(mask, spacing), rtol=1e-12
    )


@given(masks(min_side=1, max_side=5), spacings(3), st.sampled_from([0.5, 2.0, 4.0]))
def test_distances_scale_with_the_spacing(mask, spacing, factor):
    scaled = tuple(factor * step for step in spacing)
    np.testing.assert_array_equal(
        distance_to_other_side(mask, scaled), factor * distance_to_other_side(mask, spacing)
    )


def test_without_a_boundary_it_is_infinitely_far():
    for mask in (np.zeros((2, 3), bool), np.ones((2, 3), bool)):
        assert np.isinf(distance_to_other_side(mask, (1.0, 1.0))).all()
