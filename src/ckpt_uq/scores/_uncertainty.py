"""Which uncertainty map a score is taken of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.scores._mask import require_class

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction

UncertaintyMap = Literal["predictive_entropy", "class_entropy", "expected_entropy", "mutual_information"]


def uncertainty_map(
    prediction: Prediction, class_index: int, name: UncertaintyMap
) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """The named map of a prediction in bits, shape S; ``class_entropy`` is that of the class."""
    require_class(prediction, class_index)
    if name not in get_args(UncertaintyMap):
        raise ArgumentError(f"uncertainty must be one of {get_args(UncertaintyMap)}, got {name!r}")
    bits = getattr(prediction, name)
    return on_host(bits[class_index] if name == "class_entropy" else bits, "prediction")


def mean_within(bits: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None = None) -> float:
    """Mean of a map over the voxels of a mask, summed in float64; NaN where there is none."""
    values = bits if mask is None else bits[mask]
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")
