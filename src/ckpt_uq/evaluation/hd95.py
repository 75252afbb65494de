"""How far apart two surfaces are where they differ most, but for a few outliers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.surface_distances import Elements, SurfaceDistances, surface_distances


def hd95(
    prediction: Any,
    labels: Any,
    *,
    percent: float = 95.0,
    spacing: Sequence[float] | None = None,
    elements: Elements = "surface",
) -> float:
    r"""Hausdorff distance at a percentile: the larger of those from each surface to the other, in mm.

    .. math:: \max\bigl(P_{95}\{d(x, \partial B) : x \in \partial A\},
        P_{95}\{d(x, \partial A) : x \in \partial B\}\bigr)

    Parameters
    ----------
    prediction, labels : array
        Boolean, of one shape in two or three dimensions.
    percent : float
        The percentile, in (0, 100]; 100 gives the Hausdorff distance itself.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis; 1 mm each by default.
    elements : {'surface', 'voxels'}
        As for :func:`~ckpt_uq.evaluation.surface_distances.surface_distances`. Pieces of surface count by
        their size, and the percentile is the first distance at which that share of the surface is reached;
        between voxels it is interpolated.

    Returns
    -------
    float
        mm; 0 if both masks are empty, infinite if one is: leave such cases out of means, and count them.

    Raises
    ------
    ArgumentError
        If the masks are none or differ in shape, or `percent` or `spacing` makes no sense.

    References
    ----------
    .. [1] D. P. Huttenlocher et al. (1993), IEEE TPAMI 15(9).

    Examples
    --------
    >>> a, b = np.zeros((2, 9, 9), bool)
    >>> a[2:5, 2:5] = b[2:7, 2:5] = True
    >>> hd95(a, b), hd95(a, b, spacing=(3.0, 1.0))
    (2.0, 6.0)
    """
    if not 0 < percent <= 100:
        raise ArgumentError(f"percent must lie in (0, 100], got {percent}; 95 is usual")
    return hd95_of(
        surface_distances(prediction, labels, spacing=spacing, elements=elements), percent, elements
    )


def hd95_of(d: SurfaceDistances, percent: float = 95.0, elements: Elements = "surface") -> float:
    """The same of distances that are known already, between elements of this kind."""
    if not len(d.from_prediction) and not len(d.from_labels):
        return 0.0
    if not len(d.from_prediction) or not len(d.from_labels):
        return float("inf")
    if elements == "voxels":
        return float(max(np.percentile(part, percent) for part in (d.from_prediction, d.from_labels)))
    return max(
        _weighted_percentile(d.from_prediction, d.prediction_sizes, percent),
        _weighted_percentile(d.from_labels, d.labels_sizes, percent),
    )


def _weighted_percentile(
    distances: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any], percent: float
) -> float:
    order = np.argsort(distances, kind="stable")
    reached = np.cumsum(sizes[order]) / sizes.sum()
    first = min(int(np.searchsorted(reached, percent / 100)), len(order) - 1)
    return float(distances[order][first])
