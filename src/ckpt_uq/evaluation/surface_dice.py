"""How much of two surfaces agrees, within what a person would call the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.surface_distances import Elements, SurfaceDistances, surface_distances


def surface_dice(
    prediction: Any,
    labels: Any,
    tolerance: float,
    *,
    spacing: Sequence[float] | None = None,
    elements: Elements = "surface",
) -> float:
    r"""Share of two surfaces within a tolerance of the other: normalised surface Dice.

    .. math:: \frac{|\{x \in \partial A : d(x, \partial B) \le \tau\}| + |\{x \in \partial B : d(x, \partial
        A) \le \tau\}|}{|\partial A| + |\partial B|}

    Parameters
    ----------
    prediction, labels : array
        Boolean, of one shape in two or three dimensions; of labels, such as ``labels == 2``.
    tolerance : float
        Distance in mm, >= 0.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis; 1 mm each by default.
    elements : {'surface', 'voxels'}
        As for :func:`~ckpt_uq.evaluation.surface_distances.surface_distances`.

    Returns
    -------
    float
        In [0, 1]; 1 if both masks are empty, 0 if one is.

    Raises
    ------
    ArgumentError
        If the masks are none or differ in shape, or `tolerance` or `spacing` makes no sense.

    References
    ----------
    .. [1] S. Nikolov et al. (2021), J Med Internet Res 23(7), arXiv:1809.04430.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.zeros((2, 9, 9), bool)
    >>> a[2:5, 2:5] = b[2:6, 2:5] = True
    >>> surface_dice(a, b, tolerance=1.0), round(surface_dice(a, b, tolerance=0.5), 3)
    (1.0, 0.771)
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ArgumentError(f"tolerance must be a distance in mm >= 0, got {tolerance}")
    found = surface_distances(prediction, labels, spacing=spacing, elements=elements, limit=tolerance)
    return surface_dice_of(found, tolerance)


def surface_dice_of(d: SurfaceDistances, tolerance: float) -> float:
    """The same of distances that are known already, at least up to the tolerance."""
    total = float(d.prediction_sizes.sum() + d.labels_sizes.sum())
    if total == 0:
        return 1.0
    near = (
        d.prediction_sizes[d.from_prediction <= tolerance].sum()
        + d.labels_sizes[d.from_labels <= tolerance].sum()
    )
    return float(near) / total
