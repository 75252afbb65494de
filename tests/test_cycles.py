"""The cycles and their learning rate, against exact rational phases and 50-digit cosines."""

from __future__ import annotations

import itertools
import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.cycles import (
    PAPER_CYCLES,
    PAPER_ETA_MAX,
    PAPER_ETA_MIN,
    Cycle,
    Cycles,
    cycle_at,
    cycles_ending_at,
    geometric_cycles,
    sgdr_lr,
)
from ckpt_uq.errors import ArgumentError
from reference import schedule as reference
from strategies import any_cycles, times

# --- cycles -------------------------------------------------------------------------------------------------


@given(any_cycles(), times())
def test_cycle_and_phase_equal_the_exact_walk(cycles, t):
    found = cycle_at(t, cycles)
    lengths = list(cycles.lengths)
    assert (found.index, found.start, found.length) == reference.cycle(Fraction(t), lengths, cycles.T_mult)
    assert found.phase(t) == pytest.approx(
        float(reference.phase(Fraction(t), lengths, cycles.T_mult)), abs=1e-12
    )


@pytest.mark.parametrize("T_mult", [1, 2, 3, 5, 7, 10])
@pytest.mark.parametrize("T_0", [1, 3, 10, 81])
def test_every_restart_is_hit_and_the_epoch_before_is_the_last_of_its_cycle(T_0, T_mult):
    cycles = geometric_cycles(T_0, T_mult)
    for index, start, length in itertools.islice(reference.walk([T_0], T_mult), 12):
        assert cycle_at(start, cycles) == Cycle(index, start, length)
        assert cycle_at(start, cycles).phase(start) == 0
        last = start + length - 1
        assert cycle_at(last, cycles).index == index
        assert cycle_at(last, cycles).phase(last) == (length - 1) / length
        assert sgdr_lr(start, cycles, 0.1, 1e-4) == 0.1


def test_restarts_that_logarithms_miss():
    # With T_0 = 1 and T_mult = 3, cycle 5 starts at (3^5 - 1) / 2 = 121, and log(243, 3) falls short of 5.
    assert math.log(243, 3) < 5
    assert cycle_at(121, geometric_cycles(1, 3)) == Cycle(index=5, start=121, length=243)
    assert cycle_at(243, geometric_cycles(81, 3)).start == 81
    assert cycle_at(243, cycles_ending_at([81, 243, 729])).start == 243


def test_two_readings_of_the_paper_are_two_constructors():
    assert [c.start for c in geometric_cycles(100, 2, 3)] == [0, 100, 300]
    assert [c.start for c in cycles_ending_at([100, 200, 400, 800])] == [0, 100, 200, 400]
    assert cycles_ending_at([100, 200, 400, 800]) == Cycles((100, 100, 200, 400))
    assert hash(Cycles((100, 100, 200, 400))) == hash(PAPER_CYCLES)


def test_the_end_of_a_cycle_is_the_start_of_the_next():
    assert [c.end for c in PAPER_CYCLES] == [100, 200, 400, 800]


def test_past_the_end_it_is_the_last_cycle_at_its_trough():
    assert cycle_at(10**6, [10, 20]) == Cycle(1, 10, 20)
    assert cycle_at(10**6, [10, 20]).phase(10**6) == 1


@given(any_cycles(), st.integers(1, 400))
def test_until_keeps_the_cycles_and_sets_the_end(cycles, n_epochs):
    n_epochs = n_epochs if cycles.end is None else min(n_epochs, cycles.end)
    cut = cycles.until(n_epochs)
    assert cut.end == n_epochs
    assert list(cut)[-1] == cycle_at(n_epochs - 1, cycles)
    for t in range(0, n_epochs):
        assert cycle_at(t, cut) == cycle_at(t, cycles)
        assert sgdr_lr(t, cut, 0.1) == sgdr_lr(t, cycles, 0.1)
    assert sgdr_lr(n_epochs, cut, 0.1) == 0


@given(any_cycles())
def test_json_round_trip(cycles):
    assert Cycles.from_json(cycles.to_json()) == cycles


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: geometric_cycles(0), "T_0 must be an integer >= 1, got 0"),
        (lambda: geometric_cycles(10.0), "T_0 must be an integer >= 1, got 10.0"),
        (lambda: geometric_cycles(10, 1.5), "T_mult must be an integer >= 1, got 1.5"),
        (lambda: geometric_cycles(10, 0), "T_mult must be an integer >= 1, got 0"),
        (lambda: geometric_cycles(10, 2, 0), "n_cycles must be an integer >= 1, got 0"),
        (lambda: cycles_ending_at([]), "at least one length"),
        (lambda: cycles_ending_at([100, 100]), "must increase, got [100, 100]"),
        (lambda: cycles_ending_at([200, 100]), "must increase"),
        (lambda: cycles_ending_at([0, 100]), "every cycle end must be an integer >= 1, got 0"),
        (lambda: Cycles((10, -1)), "every cycle length must be an integer >= 1, got -1"),
        (lambda: Cycles((10, 10), end=10), "end must lie in the last cycle, at most 20, got 10"),
        (lambda: Cycles((10, 10), end=21), "end must lie in the last cycle, at most 20, got 21"),
        (lambda: Cycles((10,), T_mult=2, end=5), "no end, got end=5; use until(end)"),
        (lambda: iter(geometric_cycles(10)), "cannot be listed; list cycles.until(n_epochs)"),
        (lambda: Cycles((10,)).until(11), "n_epochs must be <= 10"),
        (lambda: Cycles.from_json({"lengths": [10]}), "cycles must map lengths, T_mult and end"),
        (lambda: Cycles.from_json([1, 2]), "cycles must map lengths, T_mult and end"),
        (lambda: cycle_at(-1, [10]), "epoch must be a finite number >= 0 of epochs, got -1"),
        (lambda: cycle_at(0, 10), "cycles must be Cycles or a sequence of lengths, got 10"),
        (lambda: cycle_at(0, "ab"), "every cycle length must be an integer >= 1, got 'a'"),
        (lambda: Cycle(1, 10, 10).phase(9), "t must be >= 10, the start of cycle 1, got 9"),
        (lambda: sgdr_lr(math.nan, [10], 0.1), "t must be a finite number >= 0 of epochs, got nan"),
        (lambda: sgdr_lr("3", [10], 0.1), "t must be a finite number >= 0 of epochs, got '3'"),
        (lambda: sgdr_lr(0, [10], 0.1, 0.2), "eta_min must lie in 0..eta_max, got eta_min=0.2"),
        (lambda: sgdr_lr(0, [10], 0.1, -0.1), "eta_min must lie in 0..eta_max, got eta_min=-0.1"),
        (lambda: sgdr_lr(0, [10], math.inf), "eta_max=inf"),
    ],
)
def test_bad_values_are_named(build, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        build()


# --- the learning rate --------------------------------------------------------------------------------------


@given(any_cycles(), times(), st.floats(1e-6, 10), st.floats(0, 1))
def test_lr_equals_fifty_digits(cycles, t, eta_max, share):
    eta_min = share * eta_max
    expected = reference.lr(Fraction(t), list(cycles.lengths), cycles.T_mult, cycles.end, eta_max, eta_min)
    assert sgdr_lr(t, cycles, eta_max, eta_min) == pytest.approx(
        float(expected), rel=1e-11, abs=1e-11 * eta_max
    )


@given(any_cycles(), times(), st.floats(1e-6, 10), st.floats(0, 1))
def test_lr_lies_between_its_bounds(cycles, t, eta_max, share):
    assert share * eta_max <= sgdr_lr(t, cycles, eta_max, share * eta_max) <= eta_max


def test_lr_at_whole_epochs_is_right_to_the_last_digits():
    for t in range(900):
        expected = reference.lr(Fraction(t), [100, 100, 200, 400], None, 800, 0.1, 1e-4)
        assert sgdr_lr(t, PAPER_CYCLES, 0.1, 1e-4) == pytest.approx(float(expected), rel=4e-16)


def test_lr_falls_strictly_within_a_cycle():
    lrs = [sgdr_lr(t, PAPER_CYCLES, 0.1, 1e-4) for t in range(400, 801)]
    assert lrs == sorted(set(lrs), reverse=True)


def test_the_papers_preset():
    assert PAPER_CYCLES.lengths == (100, 100, 200, 400)
    assert (PAPER_ETA_MAX, PAPER_ETA_MIN) == (0.1, 1e-4)
    for restart in (0, 100, 200, 400):
        assert sgdr_lr(restart, PAPER_CYCLES, PAPER_ETA_MAX, PAPER_ETA_MIN) == 0.1
    for last, length in ((99, 100), (199, 100), (399, 200), (799, 400)):
        assert cycle_at(last, PAPER_CYCLES).phase(last) == (length - 1) / length
        assert sgdr_lr(last, PAPER_CYCLES, PAPER_ETA_MAX, PAPER_ETA_MIN) < 2 * PAPER_ETA_MIN
    assert sgdr_lr(800, PAPER_CYCLES, PAPER_ETA_MAX, PAPER_ETA_MIN) == 1e-4
