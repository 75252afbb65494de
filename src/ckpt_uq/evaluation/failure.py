"""Whether an uncertainty score points to the cases that failed, or that are of another kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.evaluation.aupr import aupr
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.cases import known_pairs
from ckpt_uq.evaluation.fpr_at_tpr import fpr_at_tpr


class Detection(NamedTuple):
    """How well a score finds cases."""

    auroc: float
    aupr: float
    fpr95: float
    """Share of the other cases that alarm when 95 % of those sought are found."""
    n_sought: int
    n_other: int


def failure_detection(*, risk: Iterable[float], uncertainty: Iterable[float], threshold: float) -> Detection:
    """How well uncertainty finds the cases whose risk exceeds a threshold.

    Unlike AURC it needs a line between success and failure, and says nothing of degrees.

    Parameters
    ----------
    risk : iterable of float
        One value a case, such as 1 - Dice. Cases that lack it or the uncertainty (NaN) are left out.
    uncertainty : iterable of float
        One score a case, higher for less sure.
    threshold : float
        Risks above are failures, such as 0.5.

    Returns
    -------
    Detection
        With NaN where all cases fail or none does.

    Raises
    ------
    ArgumentError
        If the two do not have the same number of cases.

    Examples
    --------
    >>> failure_detection(risk=[0.1, 0.2, 0.9], uncertainty=[0.3, 0.5, 0.6], threshold=0.5)
    Detection(auroc=1.0, aupr=1.0, fpr95=0.0, n_sought=1, n_other=2)
    """
    loss, score = known_pairs(risk, uncertainty, "risk and uncertainty")
    return _detection(score, loss > threshold)


def ood_detection(inside: Iterable[float], outside: Iterable[float]) -> Detection:
    """How well uncertainty tells cases from another distribution.

    Parameters
    ----------
    inside, outside : iterable of float
        Scores of cases like those trained on, and of others, such as of another scanner. NaN is left out.

    Returns
    -------
    Detection
        The cases sought are those outside.

    Examples
    --------
    >>> ood_detection([0.1, 0.2, 0.4], [0.3, 0.9]).auroc
    0.8333333333333334
    """
    scores = [np.array([float(score) for score in group]) for group in (inside, outside)]
    known = [group[~np.isnan(group)] for group in scores]
    return _detection(np.concatenate(known), np.arange(sum(map(len, known))) >= len(known[0]))


def _detection(scores: np.ndarray[Any, Any], sought: np.ndarray[Any, Any]) -> Detection:
    n_sought = int(sought.sum())
    return Detection(
        auroc(scores, sought),
        aupr(scores, sought),
        fpr_at_tpr(scores, sought),
        n_sought,
        len(scores) - n_sought,
    )
