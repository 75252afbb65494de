"""Filtering voxels out, threshold by threshold."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.qu_brats import FilterCounts, filter_curves
from ckpt_uq.kernels import blocks
from reference.dice import dice


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=1, max_size=30))
def test_each_threshold_as_the_definition(voxels):
    guess, truth, level = (np.array(values) for values in zip(*voxels, strict=True))
    curves = filter_curves(guess, truth, level / 4, highest=2.0, n_thresholds=5)
    for i, threshold in enumerate(np.linspace(0, 2, 5)):
        kept = level / 4 <= threshold
        assert curves.dice[i] == pytest.approx(np.nan_to_num(dice(guess[kept], truth[kept], 1), nan=1.0))
        for lost, group in (
            (curves.lost_true_positives, guess & truth),
            (curves.lost_true_negatives, ~guess & ~truth),
        ):
            assert lost[i] == pytest.approx((group & ~kept).sum() / max(group.sum(), 1))
    assert 0 <= curves.score <= 1


def test_by_hand():
    guess, truth = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    curves = filter_curves(guess, truth, np.array([0.5, 1.0, 1.0, 0.0]), highest=1.0, n_thresholds=3)
    assert curves.dice.tolist() == [1.0, 1.0, 0.5]
    assert curves.lost_true_positives.tolist() == [1.0, 0.0, 0.0]
    assert curves.lost_true_negatives.tolist() == [0.0, 0.0, 0.0]
    areas = Fraction(7, 8), Fraction(1, 4), 0
    assert Fraction(curves.score).limit_denominator(999) == (areas[0] + 1 - areas[1] + 1 - areas[2]) / 3


@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_parts_in_any_order_make_the_whole(seed, cut):
    rng = np.random.default_rng(seed)
    (guess, truth), u = rng.random((2, 20)) < 0.5, rng.random(20)
    parts = []
    for part in (slice(cut), slice(cut, None)):
        counts = FilterCounts(highest=1.0, n_thresholds=7)
        order = rng.permutation(len(u[part]))
        counts.update(guess[part][order], truth[part][order], u[part][order])
        parts.append(counts)
    whole = filter_curves(guess, truth, u, highest=1.0, n_thresholds=7)
    for joined in (parts[0].merge(parts[1]), parts[1].merge(parts[0])):
        np.testing.assert_array_equal(joined.curves()[1:], whole[1:])


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    (guess, truth), u = rng.random((2, 6, 50)) < 0.5, rng.random((6, 50))
    whole = filter_curves(guess, truth, u, highest=1.0)
    monkeypatch.setattr(blocks, "BLOCK_VOXELS", 7)
    np.testing.assert_array_equal(filter_curves(guess, truth, u, highest=1.0)[1:], whole[1:])


def test_only_the_same_thresholds_merge():
    with pytest.raises(ArgumentError, match=r"must agree in \(highest, n_thresholds\), got \(1.0, 5\)"):
        FilterCounts(highest=1.0, n_thresholds=5).merge(FilterCounts(highest=1.0, n_thresholds=6))


def test_a_map_of_the_errors_is_best():
    rng = np.random.default_rng(0)
    guess, truth = rng.random((2, 8, 8)) < 0.5
    best = filter_curves(guess, truth, (guess ^ truth).astype(float), highest=1.0)
    other = filter_curves(guess, truth, rng.random((8, 8)), highest=1.0)
    assert best.score > other.score
    assert best.lost_true_positives.max() == 0


@pytest.mark.parametrize(
    ("uncertainty", "options", "message"),
    [
        (np.array([0.5, 2.0]), {}, r"uncertainty must lie in \[0, 1\], got values in \[0\.5, 2\]"),
        (np.array([0.5]), {}, "prediction must be boolean on a grid of shape"),
        (np.array([0.5, 0.5]), {"highest": 0.0}, "highest must be a positive uncertainty"),
        (np.array([0.5, 0.5]), {"n_thresholds": 1}, "n_thresholds must be >= 2"),
    ],
)
def test_what_makes_no_sense_is_refused(uncertainty, options, message):
    mask = np.array([True, False])
    with pytest.raises(ArgumentError, match=message):
        filter_curves(mask, mask, uncertainty, **{"highest": 1.0, **options})
