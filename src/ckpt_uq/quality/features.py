"""Simple features of a predicted class: its size and shape, and how sure the ensemble is of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from ckpt_uq.arrays import on_host
from ckpt_uq.grid import as_spacing
from ckpt_uq.scores._mask import class_mask
from ckpt_uq.scores.boundary import boundary
from ckpt_uq.scores.foreground import foreground
from ckpt_uq.scores.mean import mean
from ckpt_uq.scores.worst_lesion import lesions

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def case_features(
    prediction: Prediction, class_index: int, *, spacing: Sequence[float] | None = None
) -> dict[str, float]:
    """Describe a class as predicted; nothing of it needs the truth.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class, or region.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default.

    Returns
    -------
    dict
        ``log_mm3`` (logarithm of 1 + the volume), ``compactness`` (share of the voxels that have no face
        neighbour outside), ``n_components``, ``largest_share`` (of the volume, in the largest component),
        ``mean_prob`` over the class, ``doubtful_share`` (voxels with a probability in [0.1, 0.9], as a share
        of the class's), and in bits ``entropy_mean``, ``entropy_foreground``, ``entropy_boundary`` and
        ``entropy_worst_lesion``. NaN where an empty class has none.

    Raises
    ------
    ArgumentError
        If there is no such class, or `spacing` is none.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 0.75])
    >>> found = case_features(Prediction.from_probs(np.stack([1 - p, p])), class_index=1)
    >>> found["n_components"], found["largest_share"], found["compactness"]
    (2.0, 0.75, 0.25)
    """
    inside = class_mask(prediction, class_index)
    probs = on_host(prediction.mean_prob[class_index], "prediction")
    parts = lesions(prediction, class_index, spacing=spacing)
    n, nan = int(inside.sum()), math.nan
    doubtful = int(((probs >= 0.1) & (probs <= 0.9)).sum())
    return {
        "log_mm3": math.log1p(n * math.prod(as_spacing(spacing, inside.ndim))),
        "compactness": float(binary_erosion(inside).sum() / n) if n else nan,
        "n_components": float(len(parts)),
        "largest_share": parts[0].n_voxels / n if n else nan,
        "mean_prob": float(probs[inside].mean(dtype=np.float64)) if n else nan,
        "doubtful_share": doubtful / n if n else nan,
        "entropy_mean": mean(prediction, class_index),
        "entropy_foreground": foreground(prediction, class_index),
        "entropy_boundary": boundary(prediction, class_index, spacing=spacing),
        "entropy_worst_lesion": max((part.mean_bits for part in parts), default=nan),
    }
