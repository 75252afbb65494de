"""Uncertainty of the worst place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ckpt_uq.grid import as_spacing, require_length
from ckpt_uq.kernels.patches import patch_means
from ckpt_uq.scores._uncertainty import UncertaintyMap, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def patch_max(
    prediction: Prediction,
    class_index: int,
    *,
    size: float = 10.0,
    spacing: Sequence[float] | None = None,
    uncertainty: UncertaintyMap = "predictive_entropy",
) -> float:
    r"""Largest mean of an uncertainty map over all patches of one size.

    .. math:: \max_{P} \frac{1}{|P|} \sum_{x \in P} u(x)

    The patch is a cube in mm: it has `size` over spacing voxels along each axis, rounded, at least one and at
    most the grid. With slices 5 mm apart a patch of 10 mm has two of them. It lies within the grid, so the
    field of view matters only through what it shows.

    Parameters
    ----------
    prediction : Prediction
        On a grid of at least one axis.
    class_index : int
        The class, or region; it matters for ``uncertainty='class_entropy'`` only.
    size : float
        Side of the patch in mm.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default, so that `size` counts
        voxels.
    uncertainty : {'predictive_entropy', 'class_entropy', 'expected_entropy', 'mutual_information'}
        The map u.

    Returns
    -------
    float
        Bits per voxel; NaN for a grid without voxels.

    Raises
    ------
    ArgumentError
        If there is no such class or map, or `size` or `spacing` is no length.

    References
    ----------
    .. [1] K.-C. Kahl et al. (2024), ValUES, arXiv:2401.08501.

    Examples
    --------
    >>> import numpy as np
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([0.0, 0.5, 0.5, 0.0, 0.5])
    >>> patch_max(Prediction.from_probs(np.stack([1 - p, p])), class_index=1, size=2.0)
    1.0
    """
    bits = uncertainty_map(prediction, class_index, uncertainty)
    side = require_length(size, "size")
    steps = as_spacing(spacing, bits.ndim)
    if not bits.size:
        return float("nan")
    sides = [min(max(round(side / step), 1), n) for step, n in zip(steps, bits.shape, strict=True)]
    return float(patch_means(bits, sides).max())
