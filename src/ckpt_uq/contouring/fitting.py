"""Find how cautious a contour must be, from predicted cases whose labels are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ckpt_uq.conformal.contour import ContourRule, GuaranteedContour
from ckpt_uq.conformal.risk import control_risk
from ckpt_uq.contouring.case import contour_map
from ckpt_uq.errors import DataError
from ckpt_uq.evaluating.predictions import any_marked, find_labels, find_predictions, read_labels


def fit_contour(
    predictions: str | Path,
    labels: str | Path,
    rule: ContourRule,
    alpha: float,
    *,
    read: Callable[[str], None] = lambda case: None,
) -> GuaranteedContour:
    """Choose the least cautious contour whose expected loss is guaranteed not to exceed alpha.

    Parameters
    ----------
    predictions : path
        Holds ``cases/NAME/``, with mean probabilities unless the family is that of margins.
    labels : path
        Holds NAME.nii.gz, or another format of volumes, for every case. They must be neither training nor
        test cases.
    rule : ContourRule
        Which contours, and what counts as a loss.
    alpha : float
        In (0, 1): the loss that is accepted, on average.
    read : callable
        Told each case's name before it is read.

    Returns
    -------
    GuaranteedContour

    Raises
    ------
    DataError
        There are no predictions, a case lacks labels or probabilities, or too few cases have the labels.
    ArgumentError
        If alpha makes no sense.
    """
    found = find_predictions(predictions)
    truths = find_labels(labels, found)
    missing = sorted(found.keys() - truths.keys())
    if missing:
        raise DataError(f"labels must hold every predicted case, found none of {', '.join(missing[:5])}")
    marks = any_marked(found)
    lambdas, rows = rule.lambdas, []
    for name, folder in found.items():
        read(name)
        known = contour_map(folder, rule, finished_have_marks=marks)
        truth = rule.truth_in(read_labels(truths[name], known.geometry))
        rows.append(rule.losses(known.when, truth, lambdas))
    losses = np.stack(rows)
    lam = control_risk(losses, lambdas, alpha)
    has = ~np.isnan(losses).all(axis=1)
    at = losses[has, np.searchsorted(lambdas, lam)]
    names = tuple(name for name, one in zip(found, has, strict=True) if one)
    return GuaranteedContour(rule, alpha, lam, float(at.mean()), names)
