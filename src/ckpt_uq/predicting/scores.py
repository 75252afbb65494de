"""What is said of a predicted case in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_terms


@dataclass(frozen=True)
class CaseScores:
    """Scores of a case.

    Attributes
    ----------
    scores : dict
        Contour score of the whole foreground and of every class, or region; mean entropy and mean mutual
        information. In bits; NaN where there is no contour.
    settings : dict
        How the contour scores were computed.
    """

    scores: dict[str, float]
    settings: dict[str, Any]


def case_scores(prediction: Prediction, slice_axis: int) -> CaseScores:
    """Score a prediction on a grid (z, y, x)."""
    classes = prediction.region_order is None
    kind, first = ("class", 1) if classes else ("region", 0)
    indices = range(first, prediction.n_classes)
    terms = {f"{kind}_{index}": contour_terms(prediction, index, slice_axis=slice_axis) for index in indices}
    if classes and prediction.n_classes > 1:
        terms = {"foreground": contour_terms(_as_one(prediction), 1, slice_axis=slice_axis), **terms}
    return CaseScores(
        scores={
            **{f"contour_score_{name}": of_class.volume for name, of_class in terms.items()},
            "mean_entropy_bits": float(prediction.predictive_entropy.mean(dtype=np.float64)),
            "mean_mutual_information_bits": float(prediction.mutual_information.mean(dtype=np.float64)),
        },
        settings=next((of_class.settings for of_class in terms.values()), {}),
    )


def _as_one(prediction: Prediction) -> Prediction:
    """The same prediction with all foreground classes taken as one."""
    background = np.clip(prediction.mean_prob[0], 0, 1)
    return Prediction.from_probs(np.stack([background, 1 - background]))
