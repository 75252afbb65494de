"""Uncertainty that counts for more the farther it lies from where a class ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ckpt_uq.grid import as_spacing, require_length
from ckpt_uq.kernels.distance import distance_to_other_side
from ckpt_uq.scores._mask import MaskBy, class_mask
from ckpt_uq.scores._uncertainty import UncertaintyMap, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def distance_weighted(
    prediction: Prediction,
    class_index: int,
    *,
    limit: float = 10.0,
    spacing: Sequence[float] | None = None,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> float:
    r"""Mean of an uncertainty map, weighted by the distance to a class's boundary.

    .. math:: \frac{\sum_x w(x) u(x)}{\sum_x w(x)}, \qquad w(x) = \min(d(x, \partial M_k) / \ell, 1)

    Every model is unsure at a boundary; unsure far from one is a reason to look. Distances are in mm, from a
    voxel's centre to the nearest on the other side of the boundary, so along a coarse axis the next voxel
    already weighs much. Twice the spacing with twice the limit is the same score.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class k, or region.
    limit : float
        Distance l in mm from which a voxel counts in full.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default.
    uncertainty, mask
        As for :func:`~ckpt_uq.scores.foreground.foreground`.

    Returns
    -------
    float
        Bits per voxel; the plain mean if the class has no boundary; NaN for a grid without voxels.

    Raises
    ------
    ArgumentError
        If there is no such class, map or mask, or `limit` or `spacing` is no length.

    References
    ----------
    .. [1] A. Jungo et al. (2020), Frontiers in Neuroscience 14:282, where distances weigh errors alike.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([0.5, 0.0, 0.0, 1.0])  # weights 1, 2/3, 1/3 and 1/3
    >>> round(distance_weighted(Prediction.from_probs(np.stack([1 - p, p])), class_index=1, limit=3.0), 4)
    0.4286
    """
    bits = uncertainty_map(prediction, class_index, uncertainty)
    inside = class_mask(prediction, class_index, mask)
    steps, full = as_spacing(spacing, inside.ndim), require_length(limit, "limit")
    weight = distance_to_other_side(inside, steps, full)
    weight /= full
    np.minimum(weight, 1.0, out=weight)
    total = weight.sum()
    weight *= bits
    return float(weight.sum() / total) if weight.size else float("nan")
