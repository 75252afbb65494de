"""What is said of a case in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ckpt_uq.combining.contours import SlabContours
from ckpt_uq.combining.foreground import as_foreground
from ckpt_uq.prediction import Prediction


@dataclass(frozen=True)
class CaseScores:
    """What is said of a case in numbers.

    Attributes
    ----------
    scores : dict
        In bits: the contour score of all foreground classes as one and of each, or of each region, and the
        means of entropy and mutual information over the voxels. NaN where there is no contour.
    contour_settings : dict
        How the contour scores were computed.
    n_classes : int
        Classes, background included, or regions.
    """

    scores: dict[str, float]
    contour_settings: dict[str, Any]
    n_classes: int


class CaseSums:
    """Scores of one case, from predictions of its slabs along axis 0, or of all of it.

    Parameters
    ----------
    n_channels : int
        Classes or regions.
    slice_axis : int
        Axis of (z, y, x) along which slices follow each other.
    region_order : tuple of int, optional
        For independent regions instead of classes: the label that each one paints.
    """

    def __init__(self, n_channels: int, slice_axis: int, region_order: tuple[int, ...] | None) -> None:
        self._n_channels = n_channels
        self._classes = region_order is None
        self._indices = range(1, n_channels) if self._classes else range(n_channels)
        self._contours = SlabContours(self._indices, slice_axis)
        self._foreground = SlabContours([1], slice_axis)
        self._entropy = self._information = 0.0
        self.n_voxels = 0

    def update(self, prediction: Prediction, information: Any = None) -> None:
        """Add the next slab; its mutual information may be told apart, if the prediction has none."""
        if information is None:
            information = prediction.mutual_information
        self._contours.update(prediction)
        if self._classes:
            self._foreground.update(as_foreground(prediction))
        self._entropy += float(prediction.predictive_entropy.sum(dtype=np.float64))
        self._information += float(information.sum(dtype=np.float64))
        self.n_voxels += math.prod(prediction.grid)

    def result(self) -> CaseScores:
        """The scores of all that was added."""
        kind = "class" if self._classes else "region"
        terms = {f"{kind}_{index}": self._contours.terms(index) for index in self._indices}
        if self._classes:
            terms = {"foreground": self._foreground.terms(1), **terms}
        return CaseScores(
            scores={
                **{f"contour_score_{name}": of_class.volume for name, of_class in terms.items()},
                "mean_entropy_bits": self._entropy / self.n_voxels,
                "mean_mutual_information_bits": self._information / self.n_voxels,
            },
            contour_settings=next(iter(terms.values())).settings,
            n_classes=self._n_channels,
        )
