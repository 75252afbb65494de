"""Intervals that cover the truth as often as they say, from whole cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.bootstrap import bootstrap_interval, paired_difference


def test_scipy_agrees():
    values = np.random.default_rng(0).gamma(2.0, size=60)
    ours = bootstrap_interval(lambda drawn: values[drawn].mean(), 60, n_resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.estimate == values.mean()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.01)


def test_it_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        interval = paired_difference(rng.normal(1.0, 1.0, 40), np.zeros(40), n_resamples=300, level=0.8)
        covered += interval.low <= 1.0 <= interval.high
    assert 0.72 < covered / 200 < 0.88


def test_the_same_seed_gives_the_same_interval():
    ours, theirs = np.random.default_rng(0).random((2, 30))
    assert paired_difference(ours, theirs, seed=3) == paired_difference(ours, theirs, seed=3)
    assert paired_difference(ours, theirs, seed=3) != paired_difference(ours, theirs, seed=4)


def test_pairs_take_away_what_cases_have_in_common():
    rng = np.random.default_rng(0)
    difficulty = rng.normal(0, 10, 50)
    interval = paired_difference(difficulty + rng.normal(0.5, 0.1, 50), difficulty)
    assert 0.4 < interval.low < interval.estimate < interval.high < 0.6


def test_cases_without_a_value_are_left_out():
    nan = math.nan
    kept = paired_difference([0.5, nan, 0.7, 0.9], [0.4, 0.1, nan, 0.6])
    assert kept.n_cases == 2
    assert kept.estimate == pytest.approx(0.2)


def test_no_cases_no_interval():
    for empty in (paired_difference([], []), paired_difference([math.nan], [1.0])):
        assert empty.n_cases == 0
        assert np.isnan(empty[:3]).all()


def test_draws_without_a_value_do_not_spoil_the_interval():
    # of two cases, a quarter of the draws holds only the second
    interval = bootstrap_interval(lambda drawn: math.nan if drawn.all() else 1.0, 2)
    assert interval[:3] == (1.0, 1.0, 1.0)
    assert np.isnan(bootstrap_interval(lambda drawn: math.nan, 2)[:3]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95}, r"level must lie in \(0, 1\), got 95; 95 % is 0\.95"),
        ({"n_resamples": 0}, "n_resamples must"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        paired_difference([1.0, 2.0], [0.0, 1.0], **options)


def test_cases_must_be_paired():
    with pytest.raises(ArgumentError, match="paired by case, got 2 and 1"):
        paired_difference([1.0, 2.0], [0.0])
