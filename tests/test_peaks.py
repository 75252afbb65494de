"""Peaks: offline equals the naive definition, online equals offline, on every history."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.cycles import PAPER_CYCLES, Cycles, cycle_at, cycles_ending_at, geometric_cycles
from ckpt_uq.errors import ArgumentError
from ckpt_uq.peaks import Decision, Peaks, PeakSelector, Snapshot, select_peaks
from reference import selection as reference
from strategies import any_cycles

SCORES = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 0.5, math.nan]),  # ties and plateaus
    st.floats(0, 1),
    st.sampled_from([math.inf, -math.inf, -1.0, 1e300]),
)


@st.composite
def any_rule(draw) -> dict:
    return {
        "cycles": draw(any_cycles(max_length=12, max_n=4, max_end=60)),
        "k": draw(st.integers(1, 4)),
        "window": float(draw(st.sampled_from(WINDOWS))),
        "min_gain": draw(st.sampled_from([None, 0.0, 0.1, 0.25, -0.1])),
        "mode": draw(st.sampled_from(["max", "min"])),
        "smoothing": draw(st.integers(1, 6)),
    }


WINDOWS = [Fraction(1, 2), Fraction(1, 10), Fraction(3, 10), Fraction(1, 3), Fraction(1), Fraction(1, 1000)]


@st.composite
def any_history(draw, cycles: Cycles) -> dict[int, float]:
    end = 70 if cycles.end is None else cycles.end
    scores = draw(st.lists(SCORES, max_size=end))
    every = draw(st.sampled_from([1, 1, 1, 2, 5]))
    history = {e: s for e, s in enumerate(scores) if (e + 1) % every == 0}
    skipped = draw(st.sets(st.sampled_from(sorted(history)), max_size=5)) if history else set()
    return {e: s for e, s in history.items() if e not in skipped}


@st.composite
def rule_and_history(draw) -> tuple[dict, dict[int, float]]:
    rule = draw(any_rule())
    return rule, draw(any_history(rule["cycles"]))


def naive(rule: dict, history: dict[int, float], available=None) -> tuple[list[int], list[int]]:
    window = next(window for window in WINDOWS if float(window) == rule["window"])
    return reference.peaks(history, **{**rule, "window": window}, available=available)


def epochs(peaks: Peaks) -> tuple[list[int], list[int]]:
    return [s.epoch for s in peaks.members], [s.epoch for s in peaks.candidates]


# --- the definition -------------------------------------------------------------------------------------


@given(rule_and_history())
def test_offline_equals_the_naive_definition(case):
    rule, history = case
    peaks = select_peaks(history, **rule)
    assert epochs(peaks) == naive(rule, history)
    for snapshot in (*peaks.members, *peaks.candidates):
        assert snapshot.score == history[snapshot.epoch]
        assert snapshot.cycle == cycle_at(snapshot.epoch, rule["cycles"]).index


@given(rule_and_history())
def test_online_equals_offline_after_every_epoch(case):
    rule, history = case
    selector, seen, files = PeakSelector(**rule), {}, set()
    for epoch, score in history.items():
        decision = selector.update(epoch, score)
        seen[epoch] = score
        assert selector.peaks == select_peaks(seen, **rule)
        if decision.save:
            files.add(epoch)
        per_cycle = [sum(cycle_at(e, rule["cycles"]).index == i for e in files) for i in range(64)]
        assert max(per_cycle) <= rule["k"] + 1
        files -= {old.epoch for old in decision.drop}
        assert files == {*epochs(selector.peaks)[0], *epochs(selector.peaks)[1]}
    assert selector.last_epoch == max(history, default=-1)


@given(rule_and_history(), st.data())
def test_a_replayed_run_equals_the_definition_on_what_still_has_weights(case, data):
    rule, history = case
    selector, files = PeakSelector(**rule), set()

    def record(scores: dict[int, float]) -> None:
        for epoch, score in scores.items():
            decision = selector.update(epoch, score)
            files.update({epoch} if decision.save else ())
            files.difference_update(old.epoch for old in decision.drop)

    record(history)
    back = data.draw(st.integers(0, max(history, default=0) + 1))
    again = {e: s for e, s in data.draw(any_history(rule["cycles"])).items() if e >= back}
    if data.draw(st.booleans()):
        files.difference_update(old.epoch for old in selector.rewind(back))
    elif not again or min(again) > back:
        back = min(again, default=max(history, default=0) + 1)
    available = {e for e in files if e < back} | set(again)
    record(again)
    seen = {e: s for e, s in history.items() if e < back} | again
    assert list(selector.history) == sorted(seen)
    assert epochs(selector.peaks) == naive(rule, seen, available)
    assert files == {*epochs(selector.peaks)[0], *epochs(selector.peaks)[1]}


@given(rule_and_history())
def test_min_of_a_score_is_max_of_its_negative(case):
    rule, history = case
    other = {**rule, "mode": "min" if rule["mode"] == "max" else "max"}
    assert epochs(select_peaks(history, **rule)) == epochs(
        select_peaks({e: -s for e, s in history.items()}, **other)
    )


@given(rule_and_history(), st.floats(0, 1))
def test_a_plateau_is_a_peak_once(case, score):
    rule, history = case
    rule = {**rule, "min_gain": 0.0}
    members = select_peaks(dict.fromkeys(history, score), **rule).members
    assert len({s.cycle for s in members}) <= 1


# --- single readings ------------------------------------------------------------------------------------


def figure_2b() -> list[float]:
    """The paper's validation curve in outline: peaks near 100, 400 and 800, none near 200."""
    marked = {75: 3.0, 86: 3.1, 94: 3.2, 355: 3.0, 381: 3.1, 398: 3.2, 758: 2.9, 768: 3.0, 792: 3.1, 795: 3.2}
    heights = [0.50, 0.46, 0.56, 0.60]
    scores = []
    for epoch in range(800):
        cycle = cycle_at(epoch, PAPER_CYCLES)
        annealed = 1 - math.cos(math.pi / 2 * cycle.phase(epoch))
        wobble = 0.004 * math.sin(epoch)
        scores.append(heights[cycle.index] + 0.1 * annealed + wobble + 0.02 * marked.get(epoch, 0))
    return scores


def test_figure_2b_has_peaks_near_100_400_and_800_and_none_at_200():
    peaks = select_peaks(figure_2b(), PAPER_CYCLES, k=3)
    assert [(s.epoch, s.cycle) for s in peaks.members] == [
        (75, 0), (86, 0), (94, 0), (355, 2), (381, 2), (398, 2), (768, 3), (792, 3), (795, 3),
    ]  # fmt: skip
    assert peaks.candidates == ()


def test_figure_2b_near_200_the_snapshots_are_held_until_the_cycle_is_over():
    selector = PeakSelector(PAPER_CYCLES, k=3)
    for epoch, score in enumerate(figure_2b()[:199]):
        selector.update(epoch, score)
    candidates = selector.peaks.candidates
    assert {s.cycle for s in candidates} == {1}
    assert selector.update(199, figure_2b()[199]) == Decision(save=False, drop=candidates)
    assert [s.epoch for s in selector.peaks.members] == [75, 86, 94]


def test_min_gain_none_keeps_every_cycle():
    members = select_peaks(figure_2b(), PAPER_CYCLES, k=3, min_gain=None).members
    assert [sum(s.cycle == i for s in members) for i in range(4)] == [3, 3, 3, 3]


def test_a_cycle_must_exceed_by_more_than_min_gain():
    history = [0.25, 0.5]
    for min_gain, n in ((0.0, 2), (0.125, 2), (0.25, 1), (0.5, 1), (None, 2)):
        assert len(select_peaks(history, [1, 1], min_gain=min_gain).members) == n
    assert len(select_peaks([0.5, 0.25], [1, 1], min_gain=-0.5).members) == 2


def test_a_cycle_is_compared_with_kept_cycles_only():
    # The second beats the first by too little; the third beats the first, and that is what counts.
    history = [0.5, 0.55, 0.7]
    assert [s.cycle for s in select_peaks(history, [1, 1, 1], min_gain=0.1).members] == [0, 2]


def test_one_lucky_epoch_does_not_keep_a_cycle():
    quiet, lucky = [0.6] * 10, [0.5] * 9 + [0.8]
    assert {s.cycle for s in select_peaks(quiet + lucky, [10, 10]).members} == {0}
    assert {s.cycle for s in select_peaks(quiet + lucky, [10, 10], smoothing=1).members} == {0, 1}


def test_what_the_restart_brought_along_is_not_the_cycles_own_peak():
    first = [0.1 * i for i in range(10)]
    second = [0.95, 0.9, 0.3, 0.3, 0.3, 0.3, 0.4, 0.4, 0.4, 0.5]  # still high right after the restart
    assert {s.cycle for s in select_peaks(first + second, [10, 10], smoothing=1).members} == {0}


@pytest.mark.parametrize(
    ("length", "window", "first"),
    [
        (100, 0.5, 50), (5, 0.5, 3), (10, 0.3, 7), (10, 0.1, 9), (10, 0.7, 3), (10, 1.0, 0), (10, 0.01, 9),
        (3, 1 / 3, 2), (1, 0.5, 0), (1000, 0.001, 999), (7, 0.999, 1),
    ],
)  # fmt: skip
def test_the_window_starts_where_the_decimal_says(length, window, first):
    saved = [PeakSelector([length], k=1, window=window).update(e, 1.0).save for e in range(length)]
    assert saved.index(True) == first


def test_of_equal_scores_the_earlier_wins():
    selector = PeakSelector([10], k=2)
    saved = [e for e in range(10) if selector.update(e, 0.5).save]
    assert saved == [5, 6]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_epochs_without_a_score_are_never_saved(bad):
    selector = PeakSelector([4, 4], k=3)
    for epoch, score in enumerate([0.1, 0.2, bad, 0.3, bad, bad, bad, bad]):
        assert selector.update(epoch, score).save == (epoch == 3)
    assert [s.epoch for s in selector.peaks.members] == [3]


def test_a_cut_cycle_counts_where_it_reached_the_window():
    near, far = Cycles((10, 20), end=29), Cycles((10, 20), end=15)
    history = [0.1] * 10 + [0.2] * 20
    assert {s.cycle for s in select_peaks(history[:29], near).members} == {0, 1}
    assert {s.cycle for s in select_peaks(history[:15], far).members} == {0}
    assert select_peaks(history[:15], far).candidates == ()


def test_a_cycle_whose_last_epoch_was_not_validated_is_over_with_the_next():
    selector = PeakSelector([10, 10], k=1, min_gain=0.1)
    for epoch in (2, 5, 8):
        selector.update(epoch, 0.5)
    assert epochs(selector.peaks) == ([], [5])
    assert selector.update(11, 0.4) == Decision(save=False, drop=())
    assert epochs(selector.peaks) == ([5], [])
    selector.update(17, 0.45)
    assert selector.close() == (Snapshot(17, 0.45, 1),)
    assert epochs(selector.peaks) == ([5], [])
    assert selector.close() == ()


def test_an_unvalidated_worse_cycle_is_dropped_by_the_first_epoch_of_the_next():
    selector = PeakSelector([4, 4, 4], k=1)
    for epoch, score in ((3, 0.5), (6, 0.4)):
        selector.update(epoch, score)
    assert selector.update(8, 0.9) == Decision(save=False, drop=(Snapshot(6, 0.4, 1),))


def test_training_that_stops_early_closes_its_cycle_and_may_go_on():
    selector = PeakSelector([10, 10], k=2)
    for epoch in range(8):
        selector.update(epoch, 0.1 * epoch)
    assert selector.close() == ()
    assert epochs(selector.peaks) == ([6, 7], [])
    assert selector.update(8, 0.8) == Decision(save=True, drop=(Snapshot(6, 0.1 * 6, 0),))
    assert epochs(selector.peaks) == ([], [7, 8])
    selector.update(9, 0.9)
    assert epochs(selector.peaks) == ([8, 9], [])


def test_a_replayed_epoch_is_saved_anew_and_not_dropped():
    selector = PeakSelector([6], k=2)
    for epoch in range(5):
        selector.update(epoch, 0.1 * epoch)
    assert selector.update(3, 0.9) == Decision(save=True, drop=(Snapshot(4, 0.4, 0),))
    assert selector.update(4, math.nan) == Decision(save=False, drop=())
    assert selector.update(3, math.nan) == Decision(save=False, drop=(Snapshot(3, 0.9, 0),))


def test_rewinding_reopens_the_cycle_and_brings_nothing_back():
    selector = PeakSelector([4, 4], k=1, window=1.0, smoothing=1)
    for epoch, score in enumerate([0.3, 0.6, 0.1, 0.2, 0.7, 0.8, 0.5, 0.5]):
        selector.update(epoch, score)
    assert epochs(selector.peaks) == ([1, 5], [])
    assert selector.rewind(8) == ()
    assert selector.rewind(4) == (Snapshot(5, 0.8, 1),)
    assert epochs(selector.peaks) == ([1], [])
    assert selector.rewind(3) == ()
    assert epochs(selector.peaks) == ([], [1])
    assert selector.rewind(1) == (Snapshot(1, 0.6, 0),)
    assert epochs(selector.peaks) == ([], [])  # epoch 0 was a candidate until epoch 1 took its place
    assert selector.history == {0: 0.3}


def test_numbers_of_any_kind_are_scores():
    selector = PeakSelector([3], k=3, window=1.0)
    for epoch, score in enumerate([np.float32(0.5), torch.tensor(0.25), 1]):
        selector.update(np.int64(epoch), score)
    assert [(type(s.epoch), s.score) for s in selector.peaks.members] == [(int, 0.5), (int, 0.25), (int, 1.0)]
    assert epochs(select_peaks(np.array([0.5, 0.25, 1]), [3], window=1.0)) == ([0, 1, 2], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k must be an integer >= 1, got 0"),
        ({"k": 1.5}, "k must be an integer >= 1, got 1.5"),
        ({"window": 0}, "window must be in (0, 1], got 0.0"),
        ({"window": 1.1}, "window must be in (0, 1], got 1.1"),
        ({"window": math.nan}, "window must be in (0, 1], got nan"),
        ({"min_gain": math.nan}, "min_gain must be finite, got nan; None keeps every cycle"),
        ({"mode": "best"}, "mode must be 'max' or 'min', got 'best'"),
        ({"smoothing": 0}, "smoothing must be an integer >= 1, got 0"),
        ({"cycles": [0]}, "every cycle length must be an integer >= 1, got 0"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    for build in (PeakSelector, lambda **kwargs: select_peaks([], **kwargs)):
        with pytest.raises(ArgumentError, match=re.escape(message)):
            build(**{"cycles": [10], **arguments})


@pytest.mark.parametrize(
    ("epoch", "score", "message"),
    [
        (-1, 0.5, "epoch must be an integer >= 0, got -1"),
        (1.0, 0.5, "epoch must be an integer >= 0, got 1.0"),
        (10, 0.5, "epoch must be < 10, the end of the cycles, got 10"),
        (1, None, "score must be a number, got None; NaN stands for no score"),
        (1, "high", "score must be a number, got 'high'"),
    ],
)
def test_bad_epochs_and_scores_are_named_and_change_nothing(epoch, score, message):
    selector = PeakSelector([10])
    selector.update(9, 0.1)
    with pytest.raises(ArgumentError, match=re.escape(message)):
        selector.update(epoch, score)
    assert selector.history == {9: 0.1}
    with pytest.raises(ArgumentError, match=re.escape(message)):
        select_peaks({epoch: score}, [10])


def test_open_ended_and_paper_cycles_agree_where_they_overlap():
    scores = figure_2b()[:100]
    assert epochs(select_peaks(scores, geometric_cycles(100))) == epochs(
        select_peaks(scores, cycles_ending_at([100]))
    )
