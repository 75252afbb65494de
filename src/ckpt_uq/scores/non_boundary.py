"""How unsure the model is away from where a class ends: unsure there is unusual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ckpt_uq.scores._mask import MaskBy, class_mask
from ckpt_uq.scores._uncertainty import UncertaintyMap, mean_within, uncertainty_map
from ckpt_uq.scores.boundary import boundary_band

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def non_boundary(
    prediction: Prediction,
    class_index: int,
    *,
    width: float = 3.0,
    spacing: Sequence[float] | None = None,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> float:
    r"""Mean of an uncertainty map over all voxels but those along a class's boundary.

    .. math:: \frac{1}{|S \setminus B_k|} \sum_{x \notin B_k} u(x)

    Spacing decides what is near, as for :func:`~ckpt_uq.scores.boundary.boundary`: across slices that lie
    farther apart than the width, every voxel is away from the boundary unless its own slice says otherwise.
    As of the plain mean, a larger field of view lowers the score.

    Parameters
    ----------
    prediction, class_index, width, spacing, uncertainty, mask
        As for :func:`~ckpt_uq.scores.boundary.boundary`.

    Returns
    -------
    float
        Bits per voxel; of all voxels if the class has no voxel and thus no boundary; NaN if all are near.

    Raises
    ------
    ArgumentError
        As :func:`~ckpt_uq.scores.boundary.boundary` does.

    References
    ----------
    .. [1] M. Zenk et al. (2025), Medical Image Analysis 101, arXiv:2406.03323.

    Examples
    --------
    >>> import numpy as np
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([0.5, 0.0, 0.0, 1.0, 1.0, 1.0])
    >>> non_boundary(Prediction.from_probs(np.stack([1 - p, p])), class_index=1, width=1.0)
    0.25
    """
    bits = uncertainty_map(prediction, class_index, uncertainty)
    return mean_within(bits, ~boundary_band(class_mask(prediction, class_index, mask), width, spacing))
