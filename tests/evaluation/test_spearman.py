"""Rank correlation by the definition: Pearson's, of ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.spearman import spearman

NUMBER = st.integers(-4, 4)


def ranks(values):
    return [
        sum(other < v for other in values) + (sum(other == v for other in values) + 1) / 2 for v in values
    ]


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=30))
def test_it_is_the_correlation_of_ranks(pairs):
    x, y = (list(values) for values in zip(*pairs, strict=True))
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert math.isnan(spearman(x, y))
    else:
        assert spearman(x, y) == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1])


def test_cases_that_lack_a_value_are_left_out():
    x = [1.0, 2.0, math.nan, 3.0, 4.0]
    y = [4.0, 3.0, 9.0, math.nan, 1.0]
    assert spearman(x, y) == pytest.approx(-1.0)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1.0], [2.0]), ([1.0, math.nan], [1.0, 2.0])])
def test_too_few_cases(x, y):
    assert math.isnan(spearman(x, y))


def test_cases_must_be_paired():
    with pytest.raises(ArgumentError, match="one value a case each, got 2 and 3"):
        spearman([1, 2], [1, 2, 3])
