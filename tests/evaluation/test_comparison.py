"""Two tables of cases against the functions that each number comes from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluation import paired_difference, permutation_test, wilcoxon_test
from ckpt_uq.evaluation.comparison import compare_cases


def tables(n=9, seed=0):
    rng = np.random.default_rng(seed)
    left = {f"c{i}": {"dice": float(rng.random()), "hd95": float(rng.random())} for i in range(n)}
    right = {f"c{i}": {"dice": float(rng.random()), "hd95": float(rng.random())} for i in reversed(range(n))}
    return left, right


def test_cases_are_paired_by_name():
    left, right = tables()
    found = compare_cases(left, right | {"other": {"dice": 9.0, "hd95": 9.0}}, ["dice"])["dice"]
    a, b = ([table[case]["dice"] for case in left] for table in (left, right))
    assert (found.ours, found.theirs) == pytest.approx((np.mean(a), np.mean(b)))
    assert found.difference == paired_difference(a, b)
    assert found.permutation_p == permutation_test(a, b).p_value
    assert found.wilcoxon_p == wilcoxon_test(a, b).p_value


def test_swapped_methods_differ_in_sign_alone():
    left, right = tables()
    one, other = (compare_cases(*pair, ["dice"])["dice"] for pair in ((left, right), (right, left)))
    assert one.difference.estimate == pytest.approx(-other.difference.estimate)
    assert (one.permutation_p, one.wilcoxon_p) == pytest.approx((other.permutation_p, other.wilcoxon_p))


def test_cases_that_lack_a_value_count_for_neither():
    left, right = tables()
    left["c0"]["hd95"], right["c1"]["hd95"] = math.inf, math.nan
    found = compare_cases(left, right, ["hd95"])["hd95"]
    kept = [case for case in left if case not in ("c0", "c1")]
    assert found.difference.n_cases == 7
    assert found.ours == pytest.approx(np.mean([left[case]["hd95"] for case in kept]))


def test_what_cannot_be_compared():
    left, right = tables()
    with pytest.raises(DataError, match="must have cases in common"):
        compare_cases(left, {"x": {"dice": 1.0}}, ["dice"])
    with pytest.raises(ArgumentError, match="columns must be in both tables, nsd is not"):
        compare_cases(left, right, ["nsd"])
