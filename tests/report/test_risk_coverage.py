from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.report.risk_coverage import risk_coverage
from reference.report import mean_selective_risk

cases = st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=2, max_size=6)


@given(cases)
def test_risk_is_that_of_every_order_of_ties_on_average(pairs: list[tuple[int, float]]) -> None:
    uncertainty, risk = zip(*pairs, strict=True)
    curve = risk_coverage(uncertainty, risk)
    assert curve is not None
    np.testing.assert_allclose(curve.risk, mean_selective_risk(uncertainty, risk), atol=1e-12)


@given(cases)
def test_no_order_is_better_than_that_of_the_risk(pairs: list[tuple[int, float]]) -> None:
    uncertainty, risk = zip(*pairs, strict=True)
    curve = risk_coverage(uncertainty, risk)
    assert curve is not None
    assert (curve.optimal <= curve.risk + 1e-12).all()
    assert curve.optimal_area <= curve.area + 1e-12
    assert curve.risk[-1] == pytest.approx(curve.mean_risk)
    np.testing.assert_allclose(curve.optimal, mean_selective_risk(risk, risk), atol=1e-12)


def test_cases_without_a_number_are_left_out() -> None:
    curve = risk_coverage([1, math.nan, 2, 3], [0.5, 0.1, math.nan, 1.0])
    assert curve is not None
    assert curve.coverage.tolist() == [0.5, 1.0]
    assert curve.risk.tolist() == [0.5, 0.75]


@pytest.mark.parametrize("risk", [[], [0.5], [0.5, math.nan]])
def test_one_case_makes_no_curve(risk: list[float]) -> None:
    assert risk_coverage(list(range(len(risk))), risk) is None
