"""Surface distances, surface Dice and HD95 against MONAI and against every pair of elements."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from monai.metrics.utils import get_edge_surface_distance
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.hd95 import hd95
from ckpt_uq.evaluation.surface_dice import surface_dice
from ckpt_uq.evaluation.surface_distances import surface_distances

pytestmark = pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning")

TOLERANCES = st.sampled_from([0.0, 0.5, 1.0, 1.6, 3.0])


@st.composite
def mask_pairs(draw, empty=True):
    """Two masks from alike to unrelated in two or three dimensions, and a spacing."""
    shape = draw(st.lists(st.integers(2, 7), min_size=2, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fill = draw(st.sampled_from([0.1, 0.5, 0.9, *([0.0] if empty else [])]))
    a, b = rng.random((2, *shape)) < fill
    b = np.where(rng.random(shape) < draw(st.floats(0, 1)), a, b)
    if not empty:
        a.flat[draw(st.integers(0, a.size - 1))] = b.flat[draw(st.integers(0, b.size - 1))] = True
    return a, b, tuple(draw(st.sampled_from([0.5, 1.0, 1.5, 3.0])) for _ in shape)


def one_class(mask):
    return torch.from_numpy(mask)[None, None]


def monai_elements(a, b, spacing):
    """Distances and sizes of the pieces of both surfaces, by MONAI."""
    edges, distances, areas = get_edge_surface_distance(
        torch.from_numpy(a), torch.from_numpy(b), spacing=spacing, use_subvoxels=True, symmetric=True
    )
    sizes = [area[edge].numpy() for area, edge in zip(areas, edges, strict=True)]
    return [d.numpy() for d in distances], sizes


@settings(max_examples=25)
@given(mask_pairs(empty=False), TOLERANCES)
def test_surface_dice_is_monais(case, tolerance):
    a, b, spacing = case
    for elements, subvoxels in (("surface", True), ("voxels", False)):
        expected = compute_surface_dice(
            one_class(a), one_class(b), [tolerance], True, spacing=spacing, use_subvoxels=subvoxels
        )
        got = surface_dice(a, b, tolerance, spacing=spacing, elements=elements)
        assert got == pytest.approx(expected.item(), abs=1e-5)


@settings(max_examples=25)
@given(mask_pairs(empty=False), st.sampled_from([50.0, 95.0, 100.0]))
def test_hausdorff_of_voxels_is_monais(case, percent):
    a, b, spacing = case
    expected = compute_hausdorff_distance(
        one_class(a), one_class(b), include_background=True, percentile=percent, spacing=spacing
    )
    got = hd95(a, b, percent=percent, spacing=spacing, elements="voxels")
    assert got == pytest.approx(expected.item(), rel=1e-5)


@settings(max_examples=25)
@given(mask_pairs(empty=False), st.sampled_from([37.0, 95.0, 100.0]))
def test_hausdorff_of_surfaces_is_where_the_share_of_the_surface_is_reached(case, percent):
    a, b, spacing = case
    worst = 0.0
    for distances, sizes in zip(*monai_elements(a, b, spacing), strict=True):
        reached = [sizes[distances <= d].sum() / sizes.sum() for d in distances]
        enough = [d for d, share in zip(distances, reached, strict=True) if share >= percent / 100 - 1e-6]
        worst = max(worst, min(enough))
    assert hd95(a, b, percent=percent, spacing=spacing) == pytest.approx(worst, rel=1e-5)


@given(mask_pairs(empty=False))
def test_distances_of_voxels_as_every_pair(case):
    a, b, spacing = case
    rims = [np.argwhere(mask & ~binary_erosion(mask)) * np.asarray(spacing) for mask in (a, b)]
    every = cdist(*rims)
    d = surface_distances(a, b, spacing=spacing, elements="voxels")
    np.testing.assert_allclose(d.from_prediction, every.min(1), rtol=1e-12)
    np.testing.assert_allclose(d.from_labels, every.min(0), rtol=1e-12)


@given(mask_pairs(), TOLERANCES, st.sampled_from([0.25, 2.0]))
def test_both_are_symmetric_and_scale_with_the_spacing(case, tolerance, factor):
    a, b, spacing = case
    scaled = [factor * step for step in spacing]
    dice, hausdorff = surface_dice(a, b, tolerance, spacing=spacing), hd95(a, b, spacing=spacing)
    assert surface_dice(b, a, tolerance, spacing=spacing) == pytest.approx(dice)
    assert surface_dice(a, b, tolerance * factor, spacing=scaled) == pytest.approx(dice)
    assert hd95(b, a, spacing=spacing) == hausdorff
    low, high = (hd95(a, b, percent=95 + off, spacing=scaled) for off in (-1e-9, 1e-9))  # sizes are rounded
    assert low == pytest.approx(hausdorff * factor) or high == pytest.approx(hausdorff * factor)
    assert 0 <= dice <= 1


@given(mask_pairs(), st.integers(0, 4))
def test_empty_space_around_changes_nothing(case, margin):
    a, b, spacing = case
    wide = [np.pad(mask, margin) for mask in (a, b)]
    assert surface_dice(*wide, 1.0, spacing=spacing) == pytest.approx(
        surface_dice(a, b, 1.0, spacing=spacing)
    )
    assert hd95(*wide, spacing=spacing) == hd95(a, b, spacing=spacing)


def test_by_hand():
    a, b = np.zeros((2, 9, 9), bool)
    a[2:5, 2:5] = b[2:6, 2:5] = True
    # a has pieces of length 1 between its 3 x 3 centres, 8 in all, and 4 corners; b has 10 and as many
    # a's lower side but its corners, which lie on b's sides, is 1 mm off, and b's with its corners
    corner = math.sqrt(0.5)
    total, off = 18 + 8 * corner, 2 + 2 + 2 * corner
    assert surface_dice(a, b, 0.5) == pytest.approx((total - off) / total)
    assert surface_dice(a, b, 1.0) == 1.0
    assert surface_dice(a, b, 1.0, spacing=(1.5, 1.0)) < 1.0
    assert hd95(a, b) == 1.0
    assert hd95(a, b, spacing=(1.5, 1.0)) == 1.5


def test_empty_masks():
    none, some = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    for elements in ("surface", "voxels"):
        assert surface_dice(none, none, 1.0, elements=elements) == 1.0
        assert surface_dice(none, some, 1.0, elements=elements) == 0.0
        assert surface_dice(some, none, 1.0, elements=elements) == 0.0
        assert hd95(none, none, elements=elements) == 0.0
        assert hd95(none, some, elements=elements) == math.inf
        assert hd95(some, none, elements=elements) == math.inf


def test_monai_has_no_value_for_empty_masks_where_the_challenge_has_one():
    none = one_class(np.zeros((4, 4), bool))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(compute_surface_dice(none, none, [1.0], True).item())


def test_tensors():
    a = torch.zeros(5, 5, dtype=torch.bool)
    a[1:3, 1:4] = True
    assert surface_dice(a, a, 0.0) == 1.0
    assert hd95(a, a.roll(1, 0)) == 1.0


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        (np.zeros((2, 3), int), np.zeros((2, 3), bool), {}, "prediction must be boolean"),
        (
            np.zeros((2, 3), bool),
            np.zeros((2, 4), bool),
            {},
            r"boolean on a grid of shape \(2, 4\)",
        ),
        (np.zeros(3, bool), np.zeros(3, bool), {}, "labels must have two or three dimensions"),
        (np.zeros((2, 3), bool), np.zeros((2, 3), bool), {"elements": "edges"}, "elements must be one of"),
        (np.zeros((2, 3), bool), np.zeros((2, 3), bool), {"spacing": (1.0,)}, "spacing must be 2 positive"),
    ],
)
def test_what_makes_no_sense_is_refused(a, b, options, message):
    with pytest.raises(ArgumentError, match=message):
        surface_dice(a, b, 1.0, **options)
    with pytest.raises(ArgumentError, match=message):
        hd95(a, b, **options)


def test_tolerance_and_percent_are_checked():
    mask = np.eye(4, dtype=bool)
    with pytest.raises(ArgumentError, match="tolerance must be a distance in mm >= 0, got -1"):
        surface_dice(mask, mask, -1)
    with pytest.raises(ArgumentError, match=r"percent must lie in \(0, 100\], got 0"):
        hd95(mask, mask, percent=0)
