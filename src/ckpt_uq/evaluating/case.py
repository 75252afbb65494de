"""One predicted case against its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.errors import DataError
from ckpt_uq.evaluating.predictions import Labels, open_prediction, read_labels
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.io.probabilities import open_probabilities

_SLAB_VALUES = 1 << 24

Scopes = dict[str, CalibrationBins]


@dataclass(frozen=True)
class CaseEvaluation:
    """How good a case is.

    Attributes
    ----------
    dice : dict
        By foreground class; NaN for one that neither prediction nor labels have.
    bins : dict or None
        Top-label calibration bins by scope, 'all' and 'dilated_roi'; None without saved probabilities.
    """

    dice: dict[str, float]
    bins: Scopes | None

    @property
    def scores(self) -> dict[str, float]:
        """The case's cells in the table of scores."""
        ece = {} if self.bins is None else {name: self.bins[scope].ece() for name, scope in _ECE.items()}
        return {
            "dice_mean": case_mean(self.dice.values()).mean,
            **{f"dice_{name}": value for name, value in self.dice.items()},
            **{name: 100 * value for name, value in ece.items()},
        }


_ECE = {"ece_percent": "all", "ece_roi_percent": "dilated_roi"}


def evaluate_case(
    folder: Path,
    labels: Path,
    *,
    classes: Sequence[str] | None = None,
    roi_pixels: int = 4,
    finished_have_marks: bool = False,
) -> CaseEvaluation:
    """Compare a predicted case with its labels.

    Parameters
    ----------
    folder : Path
        The case's folder.
    labels : Path
        Its labels.
    classes : sequence of str, optional
        Names of the foreground classes, label 1 first; class_1, ... by default.
    roi_pixels : int
        The region of interest is the labelled foreground and this many steps around it in its slice.
    finished_have_marks : bool
        Refuse a case without ``case.json``: its prediction was interrupted.

    Raises
    ------
    DataError
        A file cannot be read, or labels and prediction do not fit.
    ArgumentError
        Labels are outside the classes.
    """
    case = open_prediction(folder, finished_have_marks=finished_have_marks)
    truth = read_labels(labels, case.geometry)
    n_classes = len(classes) + 1 if classes else case.n_classes
    if n_classes is None:
        n_classes = int(max(truth.max(), case.segmentation.max())) + 1
    dice = dice_per_class(case.segmentation, truth, n_classes)
    names = classes or [f"class_{index}" for index in range(1, n_classes)]
    roi = scope_mask(truth, "dilated_roi", pixels=roi_pixels, slice_axis=case.geometry.axial_axis)
    return CaseEvaluation(
        dice=dict(zip(names, dice[1:].tolist(), strict=True)),
        bins=None if case.probs is None else _bins(case.probs, truth, roi),
    )


def _bins(path: Path, truth: Labels, roi: npt.NDArray[np.bool_]) -> Scopes:
    bins = {"all": CalibrationBins(), "dilated_roi": CalibrationBins()}
    with open_probabilities(path) as saved:
        if saved.shape[1:] != truth.shape:
            raise DataError(f"{path} must have the segmentation's grid {truth.shape}, got {saved.shape[1:]}")
        depth = max(1, _SLAB_VALUES // (saved.shape[0] * truth[0].size))
        for index, probs in enumerate(saved.slabs(depth)):
            part = slice(index * depth, index * depth + probs.shape[1])
            bins["all"].update(probs, truth[part])
            bins["dilated_roi"].update(probs, truth[part], mask=roi[part])
    return bins
