"""Every threshold of a score at once: what it finds and what it takes along."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError


class OperatingCurve(NamedTuple):
    """Counts at or above each distinct score, highest score first; int64."""

    scores: np.ndarray[Any, Any]
    positives: np.ndarray[Any, Any]
    negatives: np.ndarray[Any, Any]


def operating_curve(scores: Any, positives: Any) -> OperatingCurve:
    """Count the positives and negatives that score at least as high as each distinct score.

    Parameters
    ----------
    scores : array
        Numbers of any shape.
    positives : array
        Boolean (or 0 and 1), of the same shape.

    Returns
    -------
    OperatingCurve

    Raises
    ------
    ArgumentError
        If shapes differ, a score is NaN, or `positives` holds anything but 0 and 1.

    Examples
    --------
    >>> operating_curve([0.1, 0.4, 0.4], [False, False, True]).negatives
    array([1, 2])
    """
    values, flags = (
        on_host(np.asarray(given) if isinstance(given, list | tuple) else given, name)
        for given, name in ((scores, "scores"), (positives, "positives"))
    )
    if values.shape != flags.shape:
        raise ArgumentError(f"positives must have the shape of scores, {values.shape}, got {flags.shape}")
    if np.isnan(values).any():
        raise ArgumentError(f"scores must be numbers, got {np.isnan(values).sum()} NaN; leave them out")
    if not np.isin(flags, (0, 1)).all():
        raise ArgumentError(f"positives must be boolean, got values in [{flags.min()}, {flags.max()}]")
    distinct, level = np.unique(values.ravel(), return_inverse=True)
    positive = flags.ravel().astype(bool)
    found = np.bincount(level[positive], minlength=len(distinct))[::-1].cumsum()
    alarms = np.bincount(level[~positive], minlength=len(distinct))[::-1].cumsum()
    return OperatingCurve(distinct[::-1], found, alarms)
