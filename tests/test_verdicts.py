"""The reasons agree with the choice: members of the kept verdicts are those of `select_peaks`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.cycles import Cycles
from ckpt_uq.peaks import PeakRule, select_peaks
from ckpt_uq.verdicts import verdicts

SCORES = st.one_of(st.floats(0, 1), st.sampled_from([0.25, 0.5, math.nan, math.inf]))


@st.composite
def rules(draw) -> PeakRule:
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    return PeakRule(
        Cycles(tuple(lengths)),
        k=draw(st.integers(1, 3)),
        window=draw(st.sampled_from([0.25, 0.5, 1.0])),
        min_gain=draw(st.sampled_from([None, 0.0, 0.1])),
        mode=draw(st.sampled_from(["max", "min"])),
        smoothing=draw(st.integers(1, 3)),
    )


@given(rule=rules(), data=st.data())
def test_kept_and_under_way_are_members_and_candidates(rule, data):
    epochs = data.draw(st.sets(st.integers(0, rule.cycles.end - 1)))
    history = {epoch: data.draw(SCORES) for epoch in sorted(epochs)}
    judged = verdicts(history, rule)
    peaks = select_peaks(history, rule.cycles, rule.k, rule.window, rule.min_gain, rule.mode, rule.smoothing)
    kept = [s for verdict in judged if verdict.outcome == "kept" for s in verdict.peaks]
    under_way = [s for verdict in judged if verdict.outcome == "under way" for s in verdict.peaks]
    assert (tuple(kept), tuple(under_way)) == (peaks.members, peaks.candidates)
    assert [verdict.cycle for verdict in judged] == sorted(
        {rule.cycle(e) for e in history}, key=lambda c: c.index
    )


@given(rule=rules(), data=st.data())
def test_bar_is_the_best_kept_before_and_decides(rule, data):
    history = [data.draw(SCORES) for _ in range(rule.cycles.end)]
    judged = verdicts(history, rule)
    sign = 1 if rule.mode == "max" else -1
    best = None
    for verdict in judged:
        assert verdict.bar == best
        if verdict.outcome == "kept" and verdict.smoothed is not None:
            best = verdict.smoothed if best is None else sign * max(sign * best, sign * verdict.smoothed)


FIRST = "no cycle was kept before"


@pytest.mark.parametrize(
    ("settings", "second", "third"),
    [
        (
            {},
            "its peak, 0.75, exceeds 0.5, the best before",
            "its peak, 0.25, does not exceed 0.75, the best before",
        ),
        (
            {"mode": "min"},
            "its peak, 0.75, is not below 0.5, the best before",
            "its peak, 0.25, is below 0.5, the best before",
        ),
        (
            {"min_gain": 0.5},
            "its peak, 0.75, does not exceed 0.5, the best before, by more than 0.5",
            "its peak, 0.25, does not exceed 0.5, the best before, by more than 0.5",
        ),
        (
            {"min_gain": -0.5},
            "its peak, 0.75, exceeds 0.5, the best before, by more than -0.5",
            "its peak, 0.25, does not exceed 0.75, the best before, by more than -0.5",
        ),
    ],
)
def test_reasons_name_both_numbers(settings, second, third):
    rule = PeakRule(Cycles((1, 1, 1)), k=1, smoothing=1, **settings)
    assert [verdict.reason for verdict in verdicts([0.5, 0.75, 0.25], rule)] == [FIRST, second, third]


def test_without_a_bar_every_cycle_with_a_score_is_kept():
    judged = verdicts([0.5, math.nan, 0.25], PeakRule(Cycles((1, 1, 1)), min_gain=None))
    assert [verdict.reason for verdict in judged] == [
        "every cycle is kept",
        "it has no score in its window",
        "every cycle is kept",
    ]


def test_a_cycle_that_is_not_over_shows_candidates():
    judged = verdicts([0.5, 0.25, 0.75], PeakRule(Cycles((2, 4)), k=1, window=1.0))
    assert [verdict.outcome for verdict in judged] == ["kept", "under way"]
    assert [s.epoch for s in judged[1].peaks] == [2]
