from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.report.reliability import reliability_bars
from ckpt_uq.report.results import CaseBins
from reference.report import ece


def bins_of(cases: list[dict[str, Any]]) -> CaseBins:
    return CaseBins(
        "all", *(np.array([case[name] for case in cases], float) for name in ("count", "confidence", "hits"))
    )


@st.composite
def case_bins(draw: st.DrawFn, n_bins: int = 3) -> dict[str, list[float]]:
    count = draw(st.lists(st.integers(0, 50), min_size=n_bins, max_size=n_bins))
    count[0] += 1
    confidence = [n * draw(st.floats(b / n_bins, (b + 1) / n_bins)) for b, n in enumerate(count)]
    return {"count": count, "confidence": confidence, "hits": [draw(st.integers(0, n)) for n in count]}


@given(st.lists(case_bins(), min_size=1, max_size=5))
def test_pooled_error_is_that_of_all_voxels(cases: list[dict[str, Any]]) -> None:
    bars = reliability_bars(bins_of(cases), n_resamples=20)
    assert abs(bars.ece - ece(cases)) < 1e-12
    assert np.nansum(bars.share) == np.float64(1) or abs(bars.share.sum() - 1) < 1e-12


@given(st.lists(case_bins(), min_size=1, max_size=5))
def test_intervals_are_ordered_and_empty_bins_have_none(cases: list[dict[str, Any]]) -> None:
    bars = reliability_bars(bins_of(cases), n_resamples=20)
    empty = bins_of(cases).count.sum(axis=0) == 0
    assert (np.isnan(bars.accuracy) == empty).all()
    assert (np.isnan(bars.low) == empty).all()
    assert (bars.low[~empty] <= bars.high[~empty]).all()
    assert bars.ece_low <= bars.ece_high


def test_one_case_drawn_again_is_the_same_case() -> None:
    bars = reliability_bars(bins_of([{"count": [4, 8], "confidence": [1, 6], "hits": [2, 8]}]))
    assert bars.low.tolist() == bars.high.tolist() == bars.accuracy.tolist() == [0.5, 1.0]
    assert bars.ece_low == bars.ece_high == bars.ece


def test_interval_holds_what_cases_were_drawn_from() -> None:
    rng = np.random.default_rng(0)
    cases = []
    for accuracy in rng.uniform(0.4, 0.8, 60):
        hits = rng.binomial(1000, accuracy)
        cases.append({"count": [1000], "confidence": [900], "hits": [hits]})
    bars = reliability_bars(bins_of(cases), n_resamples=500)
    assert bars.low[0] < 0.6 < bars.high[0]
    spread = float(np.std([case["hits"][0] / 1000 for case in cases])) / np.sqrt(60)
    np.testing.assert_allclose(bars.high[0] - bars.low[0], 2 * 1.96 * spread, rtol=0.2)
