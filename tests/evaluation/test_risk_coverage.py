"""Areas under the risk-coverage curve, against all orders of a few cases and exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.risk_coverage import aurc, e_aurc, normalised_aurc, risk_coverage
from reference.report import mean_selective_risk

CASES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=6)


def area(risks):
    """Mean of the running means, in exact numbers."""
    return sum(Fraction(sum(risks[: i + 1]), i + 1) for i in range(len(risks))) / len(risks)


@given(CASES)
def test_ties_are_the_average_over_their_orders(cases):
    orders = [order for order in permutations(cases) if [u for _, u in order] == sorted(u for _, u in cases)]
    expected = sum(area([risk for risk, _ in order]) for order in orders) / len(orders)
    risk, uncertainty = zip(*cases, strict=True)
    assert aurc(risk=risk, uncertainty=uncertainty) == pytest.approx(float(expected))


@given(CASES)
def test_every_point_of_the_curve_is_the_mean_over_the_orders_of_ties(cases):
    risk, uncertainty = zip(*cases, strict=True)
    curve = risk_coverage(risk=risk, uncertainty=uncertainty)
    np.testing.assert_allclose(curve.risk, mean_selective_risk(uncertainty, risk), atol=1e-12)
    np.testing.assert_allclose(curve.optimal, mean_selective_risk(risk, risk), atol=1e-12)


@given(CASES)
def test_optimal_is_the_least_and_random_the_average_of_all_orders(cases):
    risk, uncertainty = zip(*cases, strict=True)
    areas = [area(list(order)) for order in permutations(risk)]
    curve = risk_coverage(risk=risk, uncertainty=uncertainty)
    assert curve.optimal_area == pytest.approx(float(min(areas)))
    assert curve.random_area == pytest.approx(float(sum(areas) / len(areas)))
    assert e_aurc(risk=risk, uncertainty=uncertainty) == pytest.approx(
        curve.area - float(min(areas)), abs=1e-12
    )


@given(CASES.filter(lambda cases: len({risk for risk, _ in cases}) > 1))
def test_normalised_is_zero_for_the_best_order_and_one_without_any(cases):
    risk, uncertainty = zip(*cases, strict=True)
    assert normalised_aurc(risk=risk, uncertainty=risk) == pytest.approx(0, abs=1e-12)
    assert normalised_aurc(risk=risk, uncertainty=[0] * len(risk)) == pytest.approx(1)
    scaled = normalised_aurc(risk=[3 * r + 1 for r in risk], uncertainty=uncertainty)
    assert scaled == pytest.approx(normalised_aurc(risk=risk, uncertainty=uncertainty), abs=1e-9)


@given(CASES, st.randoms())
def test_neither_the_order_of_cases_nor_a_monotone_change_of_scores_matters(cases, random):
    risk, uncertainty = zip(*cases, strict=True)
    one = aurc(risk=risk, uncertainty=uncertainty)
    shuffled = list(cases)
    random.shuffle(shuffled)
    risk, uncertainty = zip(*shuffled, strict=True)
    assert aurc(risk=risk, uncertainty=[math.exp(u) for u in uncertainty]) == pytest.approx(one)


def test_by_hand():
    # accepted in the order 0, 1/2, 1/4, 1: means 0, 1/4, 1/4, 7/16; best order: 0, 1/8, 1/4, 7/16
    given = {"risk": [1.0, 0.0, 0.5, 0.25], "uncertainty": [9.0, 1.0, 2.0, 3.0]}
    ours, best, chance = Fraction(15, 64), Fraction(13, 64), Fraction(7, 16)
    assert Fraction(aurc(**given)) == ours
    assert Fraction(e_aurc(**given)) == ours - best
    assert normalised_aurc(**given) == pytest.approx(float((ours - best) / (chance - best)))


def test_cases_that_lack_a_value_are_left_out():
    curve = risk_coverage(risk=[1.0, math.nan, 0.0, 1.0], uncertainty=[2.0, 0.0, 1.0, math.nan])
    assert curve.risk.tolist() == [0.0, 0.5]
    assert curve.coverage.tolist() == [0.5, 1.0]


def test_no_cases_have_no_area_and_equal_risks_no_order():
    for measure in (aurc, e_aurc, normalised_aurc):
        assert math.isnan(measure(risk=[], uncertainty=[math.nan][:0]))
    assert math.isnan(normalised_aurc(risk=[1, 1], uncertainty=[1, 2]))
    assert aurc(risk=[1, 1], uncertainty=[1, 2]) == 1.0


def test_infinite_uncertainty_is_accepted_last():
    assert risk_coverage(risk=[1, 0], uncertainty=[math.inf, 3]).risk.tolist() == [0.0, 0.5]


def test_cases_must_be_paired():
    with pytest.raises(
        ArgumentError, match="risk and uncertainty must hold one value a case each, got 2 and 3"
    ):
        aurc(risk=[1, 2], uncertainty=np.zeros(3))
