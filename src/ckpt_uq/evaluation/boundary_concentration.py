"""Whether uncertainty lies where a segmentation may be in doubt: along its boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_labels


def boundary_concentration(
    uncertainty: Any, labels: Any, *, width: float = 3.0, spacing: Sequence[float] | None = None
) -> float:
    r"""How much surer a map is away from the boundaries between labels than along them.

    .. math:: \frac{\bar u_B}{\bar u_B + \bar u_{S \setminus B}}

    with the mean uncertainty of the voxels of the band B along every boundary, and of all others. Voxelwise
    measures give the same to uncertainty scattered anywhere and to that along a contour.

    Parameters
    ----------
    uncertainty : array
        Numbers >= 0 on the grid S.
    labels : array
        Integers, shape S: the segmentation, or the truth.
    width, spacing
        Of the band, as for :func:`~ckpt_uq.calibration.scope.scope_mask`.

    Returns
    -------
    float
        In [0, 1]: 1 if all of it lies along boundaries, 1/2 if as much there as anywhere, 0 if none; NaN
        without a boundary, without another voxel, or without uncertainty.

    Raises
    ------
    ArgumentError
        If shapes do not fit, or an uncertainty is negative or NaN.

    References
    ----------
    .. [1] After T. Zeevi et al. (2025), arXiv:2506.16589.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 1, 1, 1])
    >>> boundary_concentration(np.array([0.1, 0.1, 0.9, 0.9, 0.1, 0.1]), labels, width=1.0)
    0.9
    """
    values, segmentation = on_host(uncertainty, "uncertainty"), on_host(labels, "labels")
    require_labels(segmentation, values.shape)
    if values.size and not values.min() >= 0:
        raise ArgumentError(f"uncertainty must be numbers >= 0, got a lowest of {values.min():.6g}")
    band = scope_mask(segmentation, "boundary", width=width, spacing=spacing)
    if not band.any() or band.all():
        return float("nan")
    near, far = (float(values[part].mean(dtype=np.float64)) for part in (band, ~band))
    return near / (near + far) if near + far > 0 else float("nan")
