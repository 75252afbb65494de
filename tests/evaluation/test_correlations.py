"""Pearson and Kendall by their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.kendall import kendall
from ckpt_uq.evaluation.pearson import pearson

PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=20)


def both_vary(pairs):
    return all(len(set(values)) > 1 for values in zip(*pairs, strict=True))


@given(PAIRS.filter(both_vary))
def test_pearson_is_the_normalised_covariance(pairs):
    x, y = np.array(pairs, float).T
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert pearson(3 * x - 2, -y) == pytest.approx(-pearson(x, y))


@given(PAIRS.filter(both_vary))
def test_kendall_counts_pairs_in_order(pairs):
    x, y = np.array(pairs, float).T
    dx, dy = (np.sign(v[:, None] - v[None]) for v in (x, y))
    expected = (dx * dy).sum() / math.sqrt((dx**2).sum() * (dy**2).sum())
    assert kendall(x, y) == pytest.approx(expected)
    assert kendall(np.exp(x), y**3) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [pearson, kendall])
def test_too_few_cases_and_constants_have_none(measure):
    for x, y in (([], []), ([1.0], [2.0]), ([1.0, math.nan], [1.0, 2.0]), ([1, 1, 1], [1, 2, 3])):
        assert math.isnan(measure(x, y))
    assert measure([1, 2, math.nan, 3], [1, 2, 0, 3]) == pytest.approx(1.0)
    with pytest.raises(ArgumentError, match="x and y must hold one value a case each, got 1 and 2"):
        measure([1], [1, 2])
