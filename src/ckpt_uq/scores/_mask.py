"""Where a class is, according to the ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.cycles import integer
from ckpt_uq.errors import ArgumentError

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction

MaskBy = Literal["threshold", "argmax"]


def require_class(prediction: Prediction, class_index: int) -> None:
    """Raise ArgumentError if a prediction is none, or has no such class or region."""
    if not hasattr(prediction, "mean_prob"):
        raise ArgumentError(
            f"prediction must be a Prediction, got {type(prediction).__name__}; wrap probabilities with "
            "ckpt_uq.Prediction.from_probs"
        )
    if integer("class_index", class_index, at_least=0) >= prediction.n_classes:
        raise ArgumentError(
            f"class_index must lie in [0, {prediction.n_classes}), got {class_index}; classes count from 0, "
            "the background"
        )


def class_mask(
    prediction: Prediction, class_index: int, by: MaskBy = "threshold"
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Voxels whose mean probability of the class exceeds 1/2, or where it is the segmentation's class."""
    return on_host(mask_where_it_lies(prediction, class_index, by), "prediction")


def mask_where_it_lies(prediction: Prediction, class_index: int, by: MaskBy = "threshold") -> Any:
    """The same, of the kind of array that the prediction is, on its device."""
    require_class(prediction, class_index)
    if by not in get_args(MaskBy):
        raise ArgumentError(f"mask must be one of {get_args(MaskBy)}, got {by!r}")
    if by == "threshold":
        return prediction.mean_prob[class_index] > 0.5
    if prediction.region_order is not None:
        raise ArgumentError(
            "mask='argmax' needs classes, got regions, which may overlap; use mask='threshold'"
        )
    return prediction.segmentation == class_index
