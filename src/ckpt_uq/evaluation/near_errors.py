"""Whether uncertain voxels lie near wrong ones, and wrong ones near uncertain ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import find_objects

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_spacing
from ckpt_uq.kernels.distance import distance_to
from ckpt_uq.probabilities import require_mask


class NearErrors(NamedTuple):
    """Agreement of two sets of voxels, but for a tolerance."""

    precision: float
    """Share of the uncertain voxels that have a wrong one within the tolerance; NaN if none is uncertain."""
    recall: float
    """Share of the wrong voxels that have an uncertain one within the tolerance; NaN if none is wrong."""

    @property
    def overlap(self) -> float:
        """Harmonic mean of both; 0 if only one of the sets is empty, NaN if both are."""
        if np.isnan(self.precision) or np.isnan(self.recall):
            return float("nan") if np.isnan(self.precision) and np.isnan(self.recall) else 0.0
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def near_errors(
    uncertainty: Any,
    errors: Any,
    *,
    threshold: float,
    tolerance: float,
    spacing: Sequence[float] | None = None,
) -> NearErrors:
    r"""Overlap of uncertain and wrong voxels where a miss by a few millimetres is none.

    .. math::
        \mathrm{precision} = \frac{|\{x \in U : d(x, E) \le \tau\}|}{|U|}, \qquad
        \mathrm{recall} = \frac{|\{x \in E : d(x, U) \le \tau\}|}{|E|}, \qquad U = \{u \ge \theta\}

    Of a person who looks where the map is bright: how often is an error in sight, and how many are seen?
    With ``tolerance=0`` the overlap is the Dice that :func:`~ckpt_uq.evaluation.ueo.ueo` maximises.

    Parameters
    ----------
    uncertainty : array
        Numbers, shape S.
    errors : array
        Boolean, shape S: where the prediction is wrong.
    threshold : float
        Voxels at or above it are uncertain.
    tolerance : float
        In mm, >= 0, between centres of voxels.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis; 1 mm each by default.

    Returns
    -------
    NearErrors
        Both in [0, 1], higher is better.

    Raises
    ------
    ArgumentError
        If shapes or dtypes do not fit, an uncertainty is NaN, or `tolerance` or `spacing` is no length.

    References
    ----------
    .. [1] The tolerance is that of surface Dice, S. Nikolov et al. (2021), arXiv:1809.04430; the overlap that
       of A. Jungo and M. Reyes (2019), arXiv:1907.03338.

    Examples
    --------
    >>> u, wrong = np.array([0.9, 0.1, 0.1, 0.1, 0.9]), np.array([False, True, True, False, False])
    >>> near_errors(u, wrong, threshold=0.5, tolerance=1.0)
    NearErrors(precision=0.5, recall=0.5)
    """
    values, wrong = on_host(uncertainty, "uncertainty"), on_host(errors, "errors")
    require_mask(wrong, values.shape, "errors")
    if np.isnan(values).any():
        raise ArgumentError(f"uncertainty must be numbers, got {np.isnan(values).sum()} NaN")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ArgumentError(f"tolerance must be a distance in mm >= 0, got {tolerance}")
    unsure, steps = values >= threshold, as_spacing(spacing, values.ndim)
    for box in find_objects((unsure | wrong).astype(np.uint8)):  # nothing lies beyond
        unsure, wrong = unsure[box], wrong[box]
    return NearErrors(
        _share_near(unsure, wrong, tolerance, steps), _share_near(wrong, unsure, tolerance, steps)
    )


def _share_near(
    of: np.ndarray[Any, Any], to: np.ndarray[Any, Any], reach: float, spacing: tuple[float, ...]
) -> float:
    return float((distance_to(to, spacing, reach)[of] <= reach).mean()) if of.any() else float("nan")
