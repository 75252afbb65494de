from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.phantom import PhantomGrid, phantom_case, phantom_cases
from ckpt_uq.demo.phantom.anatomy import draw_anatomy
from ckpt_uq.demo.phantom.blob import Blob
from ckpt_uq.demo.phantom.raters import annotate, majority
from ckpt_uq.demo.phantom.render import Structure, render

KIDNEY, TUMOUR, CYST = 1, 2, 3

# KiTS23, means over its 489 cases: mean HU of the label, and SD of HU within it.
KITS23_HU = {KIDNEY: (111, 63), TUMOUR: (77, 42), CYST: (37, 37)}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return phantom_cases(48)


def test_a_seed_and_an_index_decide_every_voxel():
    first, again, other_case, other_seed = (
        phantom_case(3),
        phantom_case(3),
        phantom_case(4),
        phantom_case(3, seed=1),
    )
    for name in ("image", "labels", "raters"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert (getattr(first, name) != getattr(other_case, name)).any()
        assert (getattr(first, name) != getattr(other_seed, name)).any()


def test_a_case_is_on_its_grid():
    grid = PhantomGrid(shape=(2, 24, 40), spacing_mm=(5.0, 9.0, 10.0))
    case = phantom_case(0, grid=grid)
    assert case.image.shape == case.labels.shape == (2, 24, 40)
    assert case.raters is not None
    assert case.raters.shape == (3, 2, 24, 40)
    assert (case.image.dtype, case.labels.dtype) == (np.float32, np.uint8)
    centre = case.affine @ [19.5, 11.5, 0.5, 1]
    np.testing.assert_allclose(centre, [0, 0, 0, 1])
    np.testing.assert_allclose(np.abs(np.diag(case.affine)), [10, 9, 5, 1])


@pytest.mark.parametrize("label", [KIDNEY, TUMOUR, CYST])
def test_intensities_are_those_of_kits(cases, label):
    values = [case.image[case.labels == label] for case in cases if (case.labels == label).sum() > 20]
    mean, within = KITS23_HU[label]
    assert np.mean([v.mean() for v in values]) == pytest.approx(mean, abs=15)
    # A 4 mm pixel averages over many of a scanner's: less noise than in the table, never more.
    assert 0.5 * within < np.mean([v.std() for v in values]) < within


def test_most_cases_have_a_tumour_and_about_half_a_cyst(cases):
    with_tumour = sum((case.labels == TUMOUR).any() for case in cases)
    with_cyst = sum((case.labels == CYST).any() for case in cases)
    assert with_tumour / len(cases) > 0.85
    assert 0.3 < with_cyst / len(cases) < 0.75


def test_raters_agree_as_well_as_people_do(cases):
    dice = [_dice(a == TUMOUR, b == TUMOUR) for case in cases for a, b in combinations(case.raters, 2)]
    assert 0.86 < np.nanmedian(dice) < 0.98
    assert np.nanmin(dice) < 1


def test_raters_differ_where_a_border_is_lost(cases):
    sharp, lost = _rater_shift(softness=1.0, contrast=150.0), _rater_shift(softness=7.0, contrast=10.0)
    assert lost > 4 * sharp


def test_majority_is_the_mode():
    raters = np.array([[0, 1, 2, 3], [0, 2, 2, 1], [1, 2, 2, 2]], np.uint8)
    np.testing.assert_array_equal(majority(raters), [0, 2, 2, 1])  # a tie of 1, 2, 3 goes to the smallest


def test_noise_is_correlated_between_neighbours(cases):
    air = np.stack([case.image[:, :8, :8] for case in cases])  # the corners lie outside the body
    noise = air - air.mean()
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean() / noise.var()
    apart = (noise[..., 5:] * noise[..., :-5]).mean() / noise.var()
    assert neighbours > 0.3
    assert abs(apart) < 0.15


def test_a_structure_knows_its_own_label_and_contrast():
    grid = PhantomGrid()
    rng = np.random.default_rng(0)
    _, structures = render(draw_anatomy(rng), grid, rng)
    assert [s.label for s in structures[:2]] == [KIDNEY, KIDNEY]
    assert all(s.contrast_hu.min() >= 0 for s in structures)


def test_depth_of_a_ball_is_the_distance_to_its_surface():
    grid = PhantomGrid(shape=(1, 41, 41), spacing_mm=(1.0, 1.0, 1.0))
    depth = Blob((0, 0, 0), (10, 10, 10)).depth(grid)
    _, y, x = grid.coordinates_mm()
    np.testing.assert_allclose(depth, 10 - np.hypot(y, x), atol=1e-4)


def _rater_shift(softness: float, contrast: float) -> float:
    """How far three annotators' areas of one disc lie apart, in pixels."""
    grid = PhantomGrid(shape=(1, 61, 61), spacing_mm=(1.0, 1.0, 1.0))
    depth = Blob((0, 0, 0), (20, 20, 20)).depth(grid)
    disc = Structure(TUMOUR, depth, np.full_like(depth, softness), np.full_like(depth, contrast))
    raters = annotate([disc], grid, n_raters=20, rng=np.random.default_rng(0))
    return float((raters != raters[0]).sum() / len(raters))


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else np.nan
