from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.adapters.nnunet.run_length import EPOCHS, from_environment, scaled_cycles
from ckpt_uq.adapters.nnunet.snapshots import AnnealsInCycles, KeepsFractions
from ckpt_uq.cycles import PAPER_CYCLES
from ckpt_uq.errors import ArgumentError

PAPER_ENDS = AnnealsInCycles.cycle_ends


def test_the_whole_run_has_the_papers_cycles():
    assert scaled_cycles(PAPER_ENDS, 800) == PAPER_CYCLES


@pytest.mark.parametrize(
    ("n_epochs", "lengths"),
    [
        (8, (1, 1, 2, 4)),
        (16, (2, 2, 4, 8)),
        (40, (5, 5, 10, 20)),
        (12, (2, 1, 3, 6)),
        (1600, (200, 200, 400, 800)),
    ],
)
def test_short_runs_keep_the_proportions(n_epochs, lengths):
    assert scaled_cycles(PAPER_ENDS, n_epochs).lengths == lengths


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=6, unique=True).map(sorted), st.integers(1, 10**6)
)
def test_every_end_is_the_nearest_epoch_to_its_fraction(ends, n_epochs):
    try:
        cycles = scaled_cycles(ends, n_epochs)
    except ArgumentError:
        nearest = [round(Fraction(end * n_epochs, ends[-1])) for end in ends]
        assert nearest[0] == 0 or any(b - a <= 1 for a, b in pairwise(nearest))
        return
    assert cycles.end == n_epochs
    assert len(cycles.lengths) == len(ends)
    for cycle, end in zip(cycles, ends, strict=True):
        assert abs(Fraction(end * n_epochs, ends[-1]) - cycle.end) <= Fraction(1, 2)


def test_full_train_takes_its_tenths():
    assert [cycle.end for cycle in scaled_cycles(KeepsFractions.cycle_ends, 10)] == [6, 7, 8, 9, 10]


def test_a_run_too_short_for_its_cycles_is_refused():
    with pytest.raises(ArgumentError, match=r"every one of 4 cycles an epoch, got 3"):
        scaled_cycles(PAPER_ENDS, 3)


@pytest.mark.parametrize("text", ["0", "-1", "4.5", "many", "1e3"])
def test_a_variable_must_be_a_whole_number(text):
    with pytest.raises(ArgumentError, match=f"{EPOCHS} must be a whole number >= 1, got"):
        from_environment(EPOCHS, 800, {EPOCHS: text})


def test_an_empty_variable_is_none():
    assert from_environment(EPOCHS, 800, {EPOCHS: " "}) == 800
