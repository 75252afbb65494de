"""Uncertainty maps measured with regard to where things are, against brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.boundary_concentration import boundary_concentration
from ckpt_uq.evaluation.near_errors import near_errors
from ckpt_uq.evaluation.pavpu import pavpu
from ckpt_uq.evaluation.ueo import ueo
from strategies import spacings

SEEDS = st.integers(0, 2**32 - 1)


def case(seed, shape=(3, 5, 4)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, shape) / 8, rng.random(shape) < rng.choice([0.05, 0.3])


def share_within(of, to, reach, spacing):
    """Share of the voxels of one set with one of the other not farther than so many mm."""
    if not of.any():
        return math.nan
    places, others = np.argwhere(of) * np.array(spacing), np.argwhere(to) * np.array(spacing)
    distance = np.sqrt(((places[:, None] - others[None]) ** 2).sum(-1))
    return float((distance.min(axis=1, initial=np.inf) <= reach).mean())


@given(SEEDS, spacings(3), st.sampled_from([0.0, 1.0, 2.5]))
def test_near_is_within_so_many_millimetres(seed, spacing, tolerance):
    u, wrong = case(seed)
    found = near_errors(u, wrong, threshold=0.75, tolerance=tolerance, spacing=spacing)
    assert found.precision == pytest.approx(share_within(u >= 0.75, wrong, tolerance, spacing), nan_ok=True)
    assert found.recall == pytest.approx(share_within(wrong, u >= 0.75, tolerance, spacing), nan_ok=True)


@given(SEEDS)
def test_without_tolerance_the_best_overlap_is_the_uncertainty_error_overlap(seed):
    u, wrong = case(seed)
    if wrong.any():
        tried = [near_errors(u, wrong, threshold=t, tolerance=0.0).overlap for t in np.unique(u)]
        assert max(tried) == pytest.approx(ueo(u, wrong))


def test_a_larger_tolerance_forgives_more():
    u, wrong = case(1)
    overlaps = [near_errors(u, wrong, threshold=0.9, tolerance=t).overlap for t in (0, 1, 2, 9)]
    assert overlaps == sorted(overlaps)
    assert overlaps[0] < overlaps[-1] == 1.0


def test_empty_sets():
    none, some = np.zeros(4, bool), np.array([True, False, False, False])
    assert math.isnan(near_errors(np.zeros(4), none, threshold=0.5, tolerance=1).overlap)
    assert near_errors(np.zeros(4), some, threshold=0.5, tolerance=1).overlap == 0.0
    assert near_errors(np.ones(4), none, threshold=0.5, tolerance=1).overlap == 0.0


@given(SEEDS, st.integers(1, 4), st.sampled_from([0.25, 0.5, 0.75]))
def test_patches_one_by_one(seed, size, threshold):
    u, wrong = case(seed, (4, 7))
    groups = {}
    for place in np.ndindex(u.shape):
        groups.setdefault(tuple(i // size for i in place), []).append(place)
    kinds = []
    for places in groups.values():
        right = Fraction(sum(not wrong[place] for place in places), len(places))
        unsure = sum(Fraction(u[place]) for place in places) / len(places)
        kinds.append((right > Fraction(1, 2), unsure >= Fraction(threshold)))
    found = pavpu(u, wrong, threshold=threshold, size=size)
    certain, inaccurate = [a for a, u in kinds if not u], [u for a, u in kinds if not a]
    assert found.n_patches == len(kinds)
    assert found.pavpu == pytest.approx(sum(a != u for a, u in kinds) / len(kinds))
    assert found.accurate_if_certain == pytest.approx(np.mean(certain) if certain else math.nan, nan_ok=True)
    assert found.uncertain_if_inaccurate == pytest.approx(
        np.mean(inaccurate) if inaccurate else math.nan, nan_ok=True
    )


def test_a_map_of_the_errors_is_best():
    _, wrong = case(0)
    assert wrong.any()
    assert pavpu(wrong.astype(float), wrong, threshold=0.5, size=1)[:3] == (1.0, 1.0, 1.0)


@given(SEEDS, st.floats(0.1, 10))
def test_concentration_is_of_the_band_and_has_no_scale(seed, factor):
    u, _ = case(seed, (6, 7))
    labels = np.zeros((6, 7), int)
    labels[2:4, 2:5] = 1
    band = np.zeros((6, 7), bool)
    band[1:5, 2:5] = band[2:4, 1:6] = True
    near, far = u[band].mean(), u[~band].mean()
    found = boundary_concentration(u, labels, width=1.0)
    band[2:4, 3] = True  # two voxels high, all of it is near its boundary
    assert found == pytest.approx(near / (near + far))
    assert boundary_concentration(factor * u, labels, width=1.0) == pytest.approx(found)


def test_scattered_and_along_the_boundary():
    labels = np.zeros((9, 9), int)
    labels[3:6, 3:6] = 1
    even = boundary_concentration(np.full((9, 9), 0.3), labels, width=1.0)
    along = boundary_concentration((labels == 1).astype(float), labels, width=1.5)
    assert even == pytest.approx(0.5)
    assert along > 0.9
    assert math.isnan(boundary_concentration(np.ones((3, 3)), np.zeros((3, 3), int)))
    assert math.isnan(boundary_concentration(np.zeros((9, 9)), labels, width=1.0))
    assert math.isnan(boundary_concentration(np.ones(2), np.array([0, 1]), width=1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: near_errors(np.ones(2), np.ones(3, bool), threshold=0.5, tolerance=1),
            "errors must be bool",
        ),
        (lambda: near_errors(np.ones(2), np.ones(2, bool), threshold=0.5, tolerance=-1), "tolerance must"),
        (
            lambda: near_errors(np.array([math.nan]), np.ones(1, bool), threshold=0.5, tolerance=1),
            "got 1 NaN",
        ),
        (lambda: pavpu(np.ones(2), np.ones(2, bool), threshold=0.5, size=0), "size must be >= 1"),
        (lambda: pavpu(np.ones(2), np.ones(2, bool), threshold=0.5, accuracy=1), r"accuracy must lie in"),
        (lambda: pavpu(np.array([math.nan]), np.ones(1, bool), threshold=0.5), "got 1 NaN"),
        (lambda: boundary_concentration(-np.ones(3), np.zeros(3, int)), "must be numbers >= 0"),
        (lambda: boundary_concentration(np.ones(3), np.zeros(4, int)), "labels must"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
