"""The epochs that other checkpoint ensembles take."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.choices import at_fractions, cycle_ends, last_k_per_cycle, top_k
from ckpt_uq.cycles import PAPER_CYCLES, cycle_at, geometric_cycles
from ckpt_uq.errors import ArgumentError

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(lengths, st.integers(1, 12))
def test_the_last_epochs_of_every_cycle(lengths, k):
    chosen = last_k_per_cycle(lengths, k)
    left = {e: cycle_at(e, lengths).end - e for e in range(sum(lengths))}
    assert chosen == [e for e in left if left[e] <= k]
    assert cycle_ends(lengths) == [e for e in left if left[e] == 1]


def test_troughs_of_the_paper():
    assert cycle_ends(PAPER_CYCLES) == [99, 199, 399, 799]
    assert last_k_per_cycle(PAPER_CYCLES, 10)[-11:] == [399, *range(790, 800)]


def test_a_cycle_that_never_anneals_gives_none():
    cut = geometric_cycles(100, 2).until(800)
    assert cycle_ends(cut) == [99, 299, 699]
    assert last_k_per_cycle(cut, 1) == [99, 299, 699]


@pytest.mark.parametrize(
    ("n_epochs", "fractions", "expected"),
    [
        (800, [0.6, 0.7, 0.8, 0.9, 1.0], [479, 559, 639, 719, 799]),
        (10, [0.1, 0.3, 0.7], [0, 2, 6]),
        (3, [1 / 3, 2 / 3, 1], [0, 1, 2]),
        (10, [0.01, 0.11], [0, 1]),
        (1, [0.5], [0]),
        (5, [], []),
    ],
)
def test_fractions_of_a_run(n_epochs, fractions, expected):
    assert at_fractions(n_epochs, fractions) == expected


@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.3, math.nan, math.inf]) | st.floats(0, 1), max_size=12),
    st.integers(1, 5),
)
def test_global_top_k(history, k):
    chosen = top_k(history, k)
    finite = [e for e, score in enumerate(history) if math.isfinite(score)]
    assert len(chosen) == min(k, len(finite))
    assert chosen == sorted(chosen)
    for out in set(finite) - set(chosen):
        assert all(history[e] > history[out] or (history[e] == history[out] and e < out) for e in chosen)
    assert top_k({e: -score for e, score in enumerate(history)}, k, mode="min") == chosen


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: at_fractions(10, [0.0]), "fractions must be in (0, 1], got [0.0]"),
        (lambda: at_fractions(10, [1.1]), "fractions must be in (0, 1], got [1.1]"),
        (lambda: at_fractions(0, [1.0]), "n_epochs must be an integer >= 1, got 0"),
        (lambda: last_k_per_cycle([10], 0), "k must be an integer >= 1, got 0"),
        (lambda: top_k([0.1], 0), "k must be an integer >= 1, got 0"),
        (lambda: top_k([0.1], 1, mode="best"), "mode must be 'max' or 'min', got 'best'"),
        (lambda: cycle_ends(geometric_cycles(10)), "open-ended cycles cannot be listed"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        call()
