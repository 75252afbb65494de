"""All uncertainty of an image, by the size of what was segmented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ckpt_uq.scores._mask import MaskBy, class_mask
from ckpt_uq.scores._uncertainty import UncertaintyMap, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def volume_normalised(
    prediction: Prediction,
    class_index: int,
    *,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> float:
    r"""Sum of an uncertainty map over the whole grid, per voxel of a class.

    .. math:: \frac{\sum_x u(x)}{|M_k|}, \qquad M_k = [\bar p_k > \tfrac12]

    Spacing does not matter: a voxel's volume is in both sums. Sure background adds nothing, so the field of
    view does not matter either. A small object has more boundary for its volume and scores higher.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class k, or region.
    uncertainty, mask
        As for :func:`~ckpt_uq.scores.foreground.foreground`.

    Returns
    -------
    float
        Bits per voxel of the class; NaN if it has none.

    Raises
    ------
    ArgumentError
        If there is no such class, map or mask.

    References
    ----------
    .. [1] A. Jungo et al. (2020), Frontiers in Neuroscience 14:282.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([0.5, 0.5, 1.0, 0.0])
    >>> volume_normalised(Prediction.from_probs(np.stack([1 - p, p])), class_index=1)
    2.0
    """
    bits = uncertainty_map(prediction, class_index, uncertainty)
    n_voxels = int(class_mask(prediction, class_index, mask).sum())
    return float(bits.sum(dtype=np.float64)) / n_voxels if n_voxels else float("nan")
