"""What a measure must do: read a case slab by slab, keep little of it, and sum up the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ckpt_uq.evaluating.opened import OpenCase
from ckpt_uq.evaluation.bootstrap import bootstrap_interval

Table = dict[str, dict[str, Any]]
"""Rows by name; in a row a number, or an estimate with its interval, by the name of the quantity."""


class CaseMeasure(Protocol):
    """One case being measured."""

    def slab(self, part: slice, probs: npt.NDArray[Any]) -> None:
        """Take the probabilities (C, depth, y, x) of the slices ``part``; not called for cases without."""

    def scores(self) -> dict[str, float]:
        """The case's cells in the table of scores."""


class Measure(Protocol):
    """Something that is measured of all cases.

    Attributes
    ----------
    key : str
        Of its table in metrics.json.
    columns : tuple of str
        What the names of its columns in scores.csv begin with.
    what : str
        One sentence on how its numbers were made.
    """

    key: str
    columns: tuple[str, ...]
    what: str

    def begin(self, case: OpenCase) -> CaseMeasure | None:
        """Measure a case; None where it lacks what is needed."""

    def keep(self, case: Any) -> None:
        """Take over a case that was measured whole."""

    def table(self) -> Table:
        """What came out of all cases that were kept."""


def mean_over_cases(values: Sequence[float], *, n_resamples: int = 1000) -> dict[str, Any]:
    """Mean over the cases that have a finite value, its bootstrap interval, and how many there are.

    Examples
    --------
    >>> mean_over_cases([0.5, float("nan"), 0.5])
    {'estimate': 0.5, 'low': 0.5, 'high': 0.5, 'n_cases': 2}
    """
    every = np.array([float(value) for value in values])
    kept = every[np.isfinite(every)]
    return bootstrap_interval(
        lambda drawn: float(kept[drawn].mean()), len(kept), n_resamples=n_resamples
    )._asdict()


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """:func:`mean_over_cases` of every number that any case has, by its name."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: mean_over_cases([row.get(name, float("nan")) for row in rows]) for name in names}
