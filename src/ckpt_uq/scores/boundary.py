"""How unsure the model is about where a class ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ckpt_uq.grid import as_spacing, require_length
from ckpt_uq.kernels.distance import distance_to_other_side
from ckpt_uq.scores._mask import MaskBy, class_mask
from ckpt_uq.scores._uncertainty import UncertaintyMap, mean_within, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def boundary(
    prediction: Prediction,
    class_index: int,
    *,
    width: float = 3.0,
    spacing: Sequence[float] | None = None,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> float:
    r"""Mean of an uncertainty map over a band along both sides of a class's boundary.

    .. math:: \frac{1}{|B_k|} \sum_{x \in B_k} u(x), \qquad B_k = \{x : d(x, \partial M_k) \le w\}

    The distance is from a voxel's centre to the nearest centre on the other side, so the band holds no voxel
    across an axis whose spacing exceeds the width: with slices 5 mm apart, a band of 3 mm stays in its slice.
    Twice the spacing at the same width is the same band as half the width at the same spacing.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class k, or region.
    width : float
        Width w of the band on each side, in mm.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default, so that `width` counts
        voxels.
    uncertainty, mask
        As for :func:`~ckpt_uq.scores.foreground.foreground`.

    Returns
    -------
    float
        Bits per voxel; NaN if the band is empty, as of a class that has no voxel.

    Raises
    ------
    ArgumentError
        If there is no such class, map or mask, or `width` or `spacing` is no length.

    See Also
    --------
    ckpt_uq.scores.non_boundary.non_boundary : all other voxels.

    References
    ----------
    .. [1] M. Zenk et al. (2025), Medical Image Analysis 101, arXiv:2406.03323.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([0.0, 0.0, 0.5, 1.0, 1.0])
    >>> boundary(Prediction.from_probs(np.stack([1 - p, p])), class_index=1, width=1.0)
    0.5
    """
    bits = uncertainty_map(prediction, class_index, uncertainty)
    return mean_within(bits, boundary_band(class_mask(prediction, class_index, mask), width, spacing))


def boundary_band(
    inside: np.ndarray[Any, Any], width: float, spacing: Sequence[float] | None
) -> np.ndarray[Any, Any]:
    """Voxels not farther than ``width`` mm from the nearest voxel on the other side of a mask's boundary."""
    steps, reach = as_spacing(spacing, inside.ndim), require_length(width, "width")
    return np.asarray(distance_to_other_side(inside, steps, reach) <= reach)
