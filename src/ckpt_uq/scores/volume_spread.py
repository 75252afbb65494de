"""How much the members differ about the size of a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_spacing
from ckpt_uq.scores._mask import class_mask, require_class

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


class PredictedVolume(NamedTuple):
    """A class's volume in mm3, and the interval of the members' own."""

    mm3: float
    low: float
    high: float


def volume_spread(prediction: Prediction, class_index: int, *, level: float = 1.0) -> float:
    r"""Width of the interval of the members' volumes, relative to their mean.

    .. math:: \frac{V_{high} - V_{low}}{\frac{1}{M} \sum_i V_i}

    Spacing does not matter: a voxel's volume is above and below the line. Members that agree on the volume
    but not on the place score 0; see :func:`~ckpt_uq.scores.pairwise_dice.pairwise_dice` for these.

    Parameters
    ----------
    prediction : Prediction
        Of an ensemble that was made with ``labels=True``.
    class_index : int
        The class, or region.
    level : float
        Share of the members that the interval spans, as for :func:`predicted_volume`.

    Returns
    -------
    float
        >= 0; NaN if no member gives the class to any voxel.

    Raises
    ------
    ArgumentError
        If there is no such class, `level` is no share, or the members' labels were not kept.

    References
    ----------
    .. [1] A. G. Roy et al. (2019), NeuroImage 195, with the coefficient of variation in its place.

    Examples
    --------
    >>> import torch
    >>> from ckpt_uq.ensemble import CheckpointEnsemble
    >>> ensemble = CheckpointEnsemble([lambda x: x, lambda x: -x], labels=True)
    >>> prediction = ensemble.predict(torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, -9.0, -9.0, -9.0]]))
    >>> volume_spread(prediction, class_index=1)  # 1 and 3 voxels
    1.0
    """
    volumes = _member_voxels(prediction, class_index)
    low, high = _interval(volumes, level)
    mean = volumes.mean()
    return float((high - low) / mean) if mean > 0 else float("nan")


def predicted_volume(
    prediction: Prediction,
    class_index: int,
    *,
    spacing: Sequence[float] | None = None,
    level: float = 1.0,
) -> PredictedVolume:
    """Volume of a class where its mean probability exceeds 1/2, and the interval of the members' volumes.

    The interval says how far members differ. It is no confidence interval: checkpoints that err alike agree.

    Parameters
    ----------
    prediction : Prediction
        Of an ensemble that was made with ``labels=True``.
    class_index : int
        The class, or region.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default. Volumes are proportional to
        the product.
    level : float
        Share of the members that the interval spans, in (0, 1], cutting the same quantile at both ends: 1 is
        from the smallest to the largest.

    Returns
    -------
    PredictedVolume

    Raises
    ------
    ArgumentError
        As :func:`volume_spread` does, or if `spacing` is none.

    Examples
    --------
    >>> import torch
    >>> from ckpt_uq.ensemble import CheckpointEnsemble
    >>> ensemble = CheckpointEnsemble([lambda x: x, lambda x: -x, lambda x: x], labels=True)
    >>> prediction = ensemble.predict(torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, -9.0, -9.0, -9.0]]))
    >>> predicted_volume(prediction, class_index=1, spacing=[0.5])
    PredictedVolume(mm3=0.5, low=0.5, high=1.5)
    """
    voxel = math.prod(as_spacing(spacing, len(prediction.grid)))
    low, high = _interval(_member_voxels(prediction, class_index), level)
    n_voxels = int(class_mask(prediction, class_index).sum())
    return PredictedVolume(n_voxels * voxel, float(low) * voxel, float(high) * voxel)


def _member_voxels(prediction: Prediction, class_index: int) -> np.ndarray[Any, Any]:
    """Voxels that each member gives the class, int64."""
    require_class(prediction, class_index)
    members = (on_host(labels, "prediction") for labels in prediction.member_labels)
    if prediction.region_order is not None:
        return np.array([int((labels >> class_index & 1).sum(dtype=np.int64)) for labels in members])
    return np.array([int((labels == class_index).sum()) for labels in members])


def _interval(volumes: np.ndarray[Any, Any], level: float) -> tuple[float, float]:
    if not 0 < level <= 1:
        raise ArgumentError(f"level must lie in (0, 1], got {level}; 1 spans all members")
    low, high = np.quantile(volumes, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)
