"""Paired tests against SciPy's and against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.paired_tests import permutation_test, wilcoxon_test

DIFFERENCES = st.lists(st.integers(-5, 5), min_size=2, max_size=8)


@settings(max_examples=30)
@given(DIFFERENCES)
def test_exact_as_scipy(differences):
    d = np.array(differences, float)
    expected = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    got = permutation_test(d, np.zeros(len(d)))
    assert got.p_value == pytest.approx(expected.pvalue)
    assert got.difference == pytest.approx(d.mean())


@given(DIFFERENCES.filter(any))
def test_signed_ranks_as_scipy(differences):
    d = np.array(differences, float)
    assert wilcoxon_test(d, 0 * d).p_value == pytest.approx(stats.wilcoxon(d).pvalue)


@given(DIFFERENCES)
def test_swapping_the_two_keeps_p(differences):
    d, none = np.array(differences, float), np.zeros(len(differences))
    for test in (permutation_test, wilcoxon_test):
        assert test(none, d).p_value == test(d, none).p_value
        assert test(none, d).difference == -test(d, none).difference


def test_a_sample_of_patterns_comes_near_the_exact_p():
    d = np.random.default_rng(1).normal(0.5, 1, 15)
    exact = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert permutation_test(d, 0 * d).p_value == pytest.approx(exact, abs=0.01)
    assert permutation_test(d, 0 * d) == permutation_test(d, 0 * d)


def test_missing_values_and_no_cases():
    got = permutation_test([1.0, math.nan, 2.0], [0.0, 1.0, 0.0])
    assert (got.n_cases, got.p_value) == (2, 0.5)
    for test in (permutation_test, wilcoxon_test):
        assert math.isnan(test([], []).p_value)
        assert test([1.0, 1.0], [1.0, 1.0]).p_value == 1.0
        with pytest.raises(ArgumentError, match="ours and theirs must hold one value a case each"):
            test([1.0], [1.0, 2.0])
    with pytest.raises(ArgumentError, match="n_resamples must be >= 1"):
        permutation_test([1.0], [2.0], n_resamples=0)
