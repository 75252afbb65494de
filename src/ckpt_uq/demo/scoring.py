"""Every number about one test case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.demo.cases import Case
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.evaluation.nll import NLL, nll_terms
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_terms

ROI_PIXELS = 4
FOREGROUND = "foreground"


@dataclass(frozen=True)
class CalibrationScores:
    """How far the probabilities of one case can be believed.

    Attributes
    ----------
    name : str
        The case.
    bins, bins_roi : CalibrationBins
        Top-label, over all voxels, and over those within `ROI_PIXELS` of the true foreground in their slice.
    nll_roi : NLL
        Negative log-likelihood in that region.
    """

    name: str
    bins: CalibrationBins
    bins_roi: CalibrationBins
    nll_roi: NLL


@dataclass(frozen=True)
class CaseScores(CalibrationScores):
    """A prediction of one case against its truth.

    Attributes
    ----------
    dice : dict
        By foreground class; NaN for a class that neither truth nor prediction has.
    contour_score : dict
        Bits per contour voxel, by foreground class and for all of them as one; NaN without a contour.
    contour_settings : dict
        How the contour scores were computed.
    entropy_bits, mutual_information_bits : float
        Means over all voxels.
    """

    dice: dict[str, float]
    contour_score: dict[str, float]
    contour_settings: dict[str, Any]
    entropy_bits: float
    mutual_information_bits: float

    @property
    def dice_mean(self) -> float:
        """Mean over the classes that the case has."""
        return case_mean(self.dice.values()).mean

    def dice_of(self, subject: str) -> float:
        """Dice of a class, or the mean of all for the foreground."""
        return self.dice_mean if subject == FOREGROUND else self.dice[subject]


def score_case(prediction: Prediction, case: Case, classes: Sequence[str]) -> CaseScores:
    """Compare a prediction with the case's labels."""
    dice = dice_per_class(prediction.segmentation, case.labels, len(classes) + 1)
    terms = {name: contour_terms(prediction, label) for label, name in enumerate(classes, start=1)}
    terms[FOREGROUND] = contour_terms(as_foreground(prediction), 1)
    return CaseScores(
        **vars(score_calibration(prediction, case)),
        dice=dict(zip(classes, dice[1:].tolist(), strict=True)),
        contour_score={name: of_class.volume for name, of_class in terms.items()},
        contour_settings=terms[FOREGROUND].settings,
        entropy_bits=float(prediction.predictive_entropy.mean(dtype=np.float64)),
        mutual_information_bits=float(prediction.mutual_information.mean(dtype=np.float64)),
    )


def score_calibration(prediction: Prediction, case: Case) -> CalibrationScores:
    """Compare a prediction's probabilities alone with the case's labels."""
    roi = scope_mask(case.labels, "dilated_roi", pixels=ROI_PIXELS)
    bins, bins_roi = CalibrationBins(), CalibrationBins()
    bins.update(prediction.mean_prob, case.labels)
    bins_roi.update(prediction.mean_prob, case.labels, mask=roi)
    nll_roi = nll_terms(prediction.mean_prob, case.labels, mask=roi)
    return CalibrationScores(case.name, bins, bins_roi, nll_roi)


def as_foreground(prediction: Prediction) -> Prediction:
    """The same prediction with all foreground classes taken as one."""
    background = np.clip(prediction.mean_prob[0], 0, 1)
    return Prediction.from_probs(np.stack([background, 1 - background]))


def disagreement(raters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Voxels where not all annotators, along axis 0, chose the same label."""
    return np.asarray((raters != raters[0]).any(axis=0))
