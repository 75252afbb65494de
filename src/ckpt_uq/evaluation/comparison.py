"""Two methods on the same cases, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluation.bootstrap import Interval, paired_difference
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.paired_tests import permutation_test, wilcoxon_test

Table = Mapping[str, Mapping[str, float]]


class Comparison(NamedTuple):
    """One number of two methods, over the cases that have it from both."""

    ours: float
    theirs: float
    difference: Interval
    """Mean of ours - theirs, with its bootstrap interval over cases."""
    permutation_p: float
    wilcoxon_p: float


def compare_cases(ours: Table, theirs: Table, columns: Iterable[str]) -> dict[str, Comparison]:
    """Compare two tables of scores, case by case.

    Every column is tested by itself. Who looks at many should expect one in twenty to fall below 0.05 by
    chance, or multiply each p by how many they are.

    Parameters
    ----------
    ours, theirs : mapping of str to mapping
        Rows by case, such as of :func:`~ckpt_uq.io.scores_csv.read_scores`; only cases of both count.
        Infinite values, as of HD95 of an empty mask, are left out.
    columns : iterable of str
        Which to compare.

    Returns
    -------
    dict of str to Comparison

    Raises
    ------
    DataError
        If no case is in both.
    ArgumentError
        If a column is not in every row.

    Examples
    --------
    >>> ours = {"a": {"dice": 0.75}, "b": {"dice": 0.5}, "c": {"dice": 1.0}}
    >>> theirs = {"a": {"dice": 0.5}, "b": {"dice": 0.25}, "c": {"dice": 0.75}, "d": {"dice": 1.0}}
    >>> found = compare_cases(ours, theirs, ["dice"])["dice"]
    >>> found.ours, found.difference.estimate, found.permutation_p
    (0.75, 0.25, 0.25)
    """
    cases = [case for case in ours if case in theirs]
    if not cases:
        raise DataError("ours and theirs must have cases in common, found none; are their names the same?")
    found = {}
    for column in columns:
        if not all(column in table[case] for table in (ours, theirs) for case in cases):
            raise ArgumentError(f"columns must be in both tables, {column} is not")
        pairs = [(_finite(ours[case][column]), _finite(theirs[case][column])) for case in cases]
        known = [pair for pair in pairs if not any(map(math.isnan, pair))]
        left, right = [a for a, _ in known], [b for _, b in known]
        found[column] = Comparison(
            case_mean(left).mean,
            case_mean(right).mean,
            paired_difference(left, right),
            permutation_test(left, right).p_value,
            wilcoxon_test(left, right).p_value,
        )
    return found


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan
