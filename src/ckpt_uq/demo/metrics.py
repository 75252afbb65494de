"""From the scores of all test cases to the numbers that are reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.scoring import ROI_PIXELS, CalibrationScores, CaseScores, disagreement
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.bootstrap import bootstrap_interval
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.prediction import Prediction

N_RESAMPLES = 1000

S = TypeVar("S")
Pooled = Callable[[Sequence[S]], float]


def dice_mean(scores: Sequence[CaseScores]) -> float:
    """Mean over cases of their mean Dice."""
    return case_mean(case.dice_mean for case in scores).mean


def ece_percent(scores: Sequence[CalibrationScores]) -> float:
    """Expected calibration error over all voxels of all cases."""
    return 100 * pooled_bins([case.bins for case in scores]).ece()


def ece_roi_percent(scores: Sequence[CalibrationScores]) -> float:
    """Expected calibration error over the voxels around the true foreground."""
    return 100 * pooled_bins([case.bins_roi for case in scores]).ece()


def nll_roi(scores: Sequence[CalibrationScores]) -> float:
    """Mean negative log-likelihood, in nats, of the voxels around the true foreground."""
    n_voxels = sum(case.nll_roi.n_voxels for case in scores)
    return sum(case.nll_roi.nats for case in scores) / n_voxels if n_voxels else float("nan")


CALIBRATION: tuple[Pooled[CalibrationScores], ...] = (ece_percent, ece_roi_percent, nll_roi)
COMPARED: tuple[Pooled[CaseScores], ...] = (dice_mean, *CALIBRATION)
"""What is reported of the ensemble, of the best single checkpoint, and of the difference."""


def pooled_bins(bins: Sequence[CalibrationBins]) -> CalibrationBins:
    """Bins of all cases as one."""
    return reduce(CalibrationBins.merge, bins)


def comparison(ensemble: Sequence[CaseScores], single: Sequence[CaseScores]) -> dict[str, Any]:
    """Metrics of both, and the bootstrap interval over cases of ensemble minus best single checkpoint."""
    return {
        "dice_per_class": _dice_per_class(ensemble),
        "dice_per_class_best_single": _dice_per_class(single),
        **_compared(COMPARED, ensemble, single),
    }


def calibrated_comparison(
    ensemble: Sequence[CalibrationScores], single: Sequence[CalibrationScores]
) -> dict[str, Any]:
    """The same of both after a temperature each, which moves calibration alone."""
    return _compared(CALIBRATION, ensemble, single, suffix="_calibrated")


def uncertainty_metrics(scores: Sequence[CaseScores], subject: str) -> dict[str, Any]:
    """What the ensemble says of its own uncertainty, and whether it points to the bad cases.

    Parameters
    ----------
    scores : sequence of CaseScores
        Of the ensemble.
    subject : str
        Class, or foreground, that stands for the case in the correlation with Dice.
    """
    names = list(scores[0].contour_score)
    means = {name: case_mean(case.contour_score[name] for case in scores) for name in names}
    correlations = {name: _spearman(scores, name) for name in names}
    return {
        "predictive_entropy_bits": case_mean(case.entropy_bits for case in scores).mean,
        "mutual_information_bits": case_mean(case.mutual_information_bits for case in scores).mean,
        "contour_score": {name: mean._asdict() for name, mean in means.items()},
        "contour_settings": scores[0].contour_settings,
        "roi": f"true foreground and {ROI_PIXELS} pixels around it in its slice",
        "subject": subject,
        "uncertainty_dice_spearman": correlations[subject],
        "uncertainty_dice_spearman_of": correlations,
    }


def rater_metrics(
    predictions: Sequence[Prediction], cases: Sequence[Case], suffix: str = ""
) -> dict[str, Any]:
    """Does the entropy tell where annotators disagree? AUROC over the voxels of cases that have them."""
    entropy: list[npt.NDArray[np.float32]] = []
    differ: list[npt.NDArray[np.bool_]] = []
    inside: list[npt.NDArray[np.bool_]] = []
    for prediction, case in zip(predictions, cases, strict=True):
        if case.raters is not None:
            entropy.append(prediction.predictive_entropy.ravel())
            differ.append(disagreement(case.raters).ravel())
            inside.append(scope_mask(case.labels, "dilated_roi", pixels=ROI_PIXELS).ravel())
    if not entropy:
        return {}
    bits, positive, roi = np.concatenate(entropy), np.concatenate(differ), np.concatenate(inside)
    return {
        f"rater_disagreement_auroc{suffix}": auroc(bits, positive),
        f"rater_disagreement_auroc_roi{suffix}": auroc(bits[roi], positive[roi]),
    }


def _dice_per_class(scores: Sequence[CaseScores]) -> dict[str, float]:
    return {name: case_mean(case.dice[name] for case in scores).mean for name in scores[0].dice}


def _spearman(scores: Sequence[CaseScores], subject: str) -> float:
    return spearman([one.contour_score[subject] for one in scores], [one.dice_of(subject) for one in scores])


def _compared(
    pooled: Sequence[Pooled[S]], ensemble: Sequence[S], single: Sequence[S], suffix: str = ""
) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for compute in pooled:
        metrics[f"{compute.__name__}{suffix}"] = compute(ensemble)
        metrics[f"{compute.__name__}_best_single{suffix}"] = compute(single)
    differences = {compute.__name__: _difference(compute, ensemble, single) for compute in pooled}
    return {**metrics, f"ensemble_minus_best_single{suffix}": differences}


def _difference(compute: Pooled[S], ensemble: Sequence[S], single: Sequence[S]) -> dict[str, Any]:
    def statistic(drawn: npt.NDArray[np.int64]) -> float:
        return compute([ensemble[i] for i in drawn]) - compute([single[i] for i in drawn])

    return bootstrap_interval(statistic, len(ensemble), n_resamples=N_RESAMPLES)._asdict()
