"""All predicted cases against their labels: metrics, scores, calibration bins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.cohort import SCORES, Progress, results_folder
from ckpt_uq.errors import CkptUQError, DataError
from ckpt_uq.evaluating.case import CaseEvaluation, evaluate_case
from ckpt_uq.evaluating.failure import failure_table, strangers_table
from ckpt_uq.evaluating.measures.calibration import CalibrationMeasure
from ckpt_uq.evaluating.measures.measure import Measure
from ckpt_uq.evaluating.measures.regions import RegionMeasure
from ckpt_uq.evaluating.opened import open_case
from ckpt_uq.evaluating.predictions import any_marked, find_labels, find_predictions
from ckpt_uq.evaluating.wanted import EVERY_COLUMN, Wanted
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.io.json_file import without_nan, write_json
from ckpt_uq.io.scores_csv import read_scores, write_scores

METRICS = "metrics.json"
BINS = "calibration_bins.json"

NO_CALIBRATION = "no calibration: not every case has mean_probs.npz; predict or combine with --save-probs"
OF_REGIONS = (
    "no calibration of classes: the predictions are of regions; say which labels each of them holds "
    "(--regions), and theirs is measured"
)
OF_CLASSES = "no calibration of regions: the predictions are of classes, or have no mean_probs.npz"

Row = Mapping[str, float]

_OF_AN_EVALUATION = ("dice_", "ece_", *EVERY_COLUMN)


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes
    ----------
    metrics : dict
        As written to ``metrics.json``, plain.
    failed : dict
        What went wrong, by case.
    without_prediction : tuple of str
        Labels that no prediction belongs to.
    """

    metrics: dict[str, Any]
    failed: dict[str, Exception]
    without_prediction: tuple[str, ...]


def evaluate_cohort(
    predictions: str | Path,
    labels: str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    wanted: Wanted | None = None,
    progress: Progress = lambda case, done, n_cases: None,
) -> Evaluation:
    """Compare predictions with labels; write ``metrics.json``, ``scores.csv``, ``calibration_bins.json``.

    Dice is averaged over cases, class by class and of their means; calibration is pooled over the voxels of
    all cases. A case that fails is left out and named.

    Parameters
    ----------
    predictions : path
        Holds ``cases/NAME/``, and ``scores.csv`` with the uncertainty of each case, which is carried over.
    labels : path
        Holds NAME.nii.gz, or another format of volumes, for every case.
    out : path
        Gets the three files; may be `predictions`.
    classes : sequence of str, optional
        Names of the foreground classes, label 1 first.
    wanted : Wanted, optional
        What to measure beyond Dice and ECE: by default whether uncertainty points to the bad cases.
    progress : callable
        See :func:`~ckpt_uq.cohort.run_cohort`.

    Raises
    ------
    DataError
        There are no predictions, or `out` cannot be written to.
    ArgumentError
        A folder that `wanted` names is none.
    """
    wanted = wanted or Wanted()
    measures, strangers = wanted.measures(), _strangers(wanted)
    cases = find_predictions(predictions)
    truths = find_labels(labels, cases)
    out = results_folder(out)
    marks = any_marked(cases)
    evaluated: dict[str, CaseEvaluation] = {}
    failed: dict[str, Exception] = {}
    for index, (name, folder) in enumerate(cases.items()):
        progress(name, index, len(cases))
        try:
            if name not in truths:
                raise DataError(f"labels must hold {name}, found none in {labels}")
            case = open_case(folder, truths[name], classes=classes, finished_have_marks=marks)
            evaluated[name] = evaluate_case(case, wanted.regions, measures)
        except (CkptUQError, OSError) as error:
            failed[name] = error
        progress(name, index + 1, len(cases))
    said = _said(Path(predictions) / SCORES)
    rows = {name: {**said.get(name, {}), **case.scores} for name, case in evaluated.items()}
    metrics = {
        "predictions": str(predictions),
        "labels": str(labels),
        **_metrics(evaluated, rows, wanted.regions.roi_pixels),
        **_groups(wanted, measures, evaluated, rows, strangers),
        "failed": list(failed),
    }
    write_scores(out / SCORES, rows)
    _write_bins(out / BINS, evaluated, measures)
    write_json(out / METRICS, metrics)
    return Evaluation(without_nan(metrics), failed, tuple(sorted(truths.keys() - cases.keys())))


def _said(path: Path) -> dict[str, dict[str, float]]:
    """The uncertainty that the predictions came with; nothing of an earlier evaluation."""
    if not path.is_file():
        return {}
    rows = read_scores(path)
    return {
        case: {name: value for name, value in row.items() if not name.startswith(_OF_AN_EVALUATION)}
        for case, row in rows.items()
    }


def _metrics(
    evaluated: Mapping[str, CaseEvaluation], rows: Mapping[str, Row], roi_pixels: int
) -> dict[str, Any]:
    classes = list(dict.fromkeys(name for case in evaluated.values() for name in case.dice))
    dice = {name: case_mean(case.dice.get(name, math.nan) for case in evaluated.values()) for name in classes}
    scores = _columns(rows)
    contours = {name: case_mean(v) for name, v in scores.items() if name.startswith("contour_score_")}
    agreement = {name: spearman(values, scores["dice_mean"]) for name, values in _uncertainty(scores).items()}
    return {
        "n_cases": len(evaluated),
        "classes": classes,
        "dice_mean": case_mean(scores.get("dice_mean", [])).mean,
        "dice_per_class": {name: mean.mean for name, mean in dice.items()},
        "dice_n_nan": {name: mean.n_nan for name, mean in dice.items()},
        **_calibration(evaluated, roi_pixels),
        "contour_score": {
            name.removeprefix("contour_score_"): mean._asdict() for name, mean in contours.items()
        },
        "predictive_entropy_bits": case_mean(scores.get("mean_entropy_bits", [])).mean,
        "mutual_information_bits": case_mean(scores.get("mean_mutual_information_bits", [])).mean,
        "uncertainty_dice_spearman": next(iter(agreement.values()), math.nan),
        "uncertainty_dice_spearman_by_score": agreement,
    }


def _groups(
    wanted: Wanted,
    measures: Sequence[Measure],
    evaluated: Mapping[str, CaseEvaluation],
    rows: Mapping[str, Row],
    strangers: Mapping[str, Row] | None,
) -> dict[str, Any]:
    """The tables of what was asked for, each with a sentence on how it was made."""
    found: dict[str, Any] = {}
    for measure in measures:
        n_without = sum(measure.key in case.without for case in evaluated.values())
        if n_without and measure.key != "raters":  # so that all numbers are of the same cases
            of_classes = isinstance(measure, RegionMeasure) and not _of_regions(evaluated)
            what = OF_CLASSES if of_classes else _no_calibration(evaluated)
            found[measure.key] = {"what": what, "rows": {}}
        else:
            found[measure.key] = {"what": measure.what, "rows": measure.table()}
    scores = _columns(rows)
    dice = {name: values for name, values in scores.items() if name.startswith("dice_")}
    if "failure" in wanted.groups and dice:
        found["failure_detection"] = {
            "what": f"Risk is 1 - Dice; a case with Dice below {wanted.failed_below:g} has failed.",
            "rows": failure_table(_uncertainty(scores), dice, wanted.failed_below),
        }
    if strangers is not None:
        found["ood_detection"] = {
            "what": f"Cases of {wanted.strangers} against these.",
            "rows": strangers_table(_uncertainty(scores), _uncertainty(_columns(strangers))),
        }
    return found


def _strangers(wanted: Wanted) -> dict[str, dict[str, float]] | None:
    """The scores of cases from elsewhere, read before anything takes time."""
    if wanted.strangers is None:
        return None
    return read_scores(wanted.strangers / SCORES if wanted.strangers.is_dir() else wanted.strangers)


def _columns(rows: Mapping[str, Row]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for row in rows.values() for name in row)
    return {name: [row.get(name, math.nan) for row in rows.values()] for name in names}


def _uncertainty(scores: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """The scores of uncertainty, contour scores first."""
    known = ("contour_score", "mean_entropy", "mean_mutual_information", "score_", "expected_")
    return {name: scores[name] for start in known for name in scores if name.startswith(start)}


def _calibration(evaluated: Mapping[str, CaseEvaluation], roi_pixels: int) -> dict[str, Any]:
    scopes = _bins_by_scope(evaluated)
    if not scopes:
        return {
            "ece_percent": math.nan,
            "ece_roi_percent": math.nan,
            "calibration": _no_calibration(evaluated),
        }
    pooled = {scope: reduce(CalibrationBins.merge, bins.values()) for scope, bins in scopes.items()}
    return {
        "ece_percent": 100 * pooled["all"].ece(),
        "ece_roi_percent": 100 * pooled["dilated_roi"].ece(),
        "calibration": f"top label, {pooled['all'].n_bins} bins, pooled over the voxels of all cases",
        "roi": f"true foreground and {roi_pixels} pixels around it in its slice",
    }


def _no_calibration(evaluated: Mapping[str, CaseEvaluation]) -> str:
    return OF_REGIONS if _of_regions(evaluated) else NO_CALIBRATION


def _of_regions(evaluated: Mapping[str, CaseEvaluation]) -> bool:
    return any(case.of_regions for case in evaluated.values())


def _bins_by_scope(evaluated: Mapping[str, CaseEvaluation]) -> dict[str, dict[str, CalibrationBins]]:
    """Bins by scope and case; none unless every case has them, so that all numbers are of the same cases."""
    all_bins = {name: case.bins for name, case in evaluated.items() if case.bins is not None}
    if not all_bins or len(all_bins) < len(evaluated):
        return {}
    scopes = next(iter(all_bins.values()))
    return {scope: {name: bins[scope] for name, bins in all_bins.items()} for scope in scopes}


def _write_bins(path: Path, evaluated: Mapping[str, CaseEvaluation], measures: Sequence[Measure]) -> None:
    """Write the bins by case, so that cases can be drawn again without the volumes."""
    scopes = _bins_by_scope(evaluated)
    for measure in measures:
        if scopes and isinstance(measure, CalibrationMeasure):
            by_case = {scope: zip(evaluated, bins, strict=True) for scope, bins in measure.bins().items()}
            scopes |= {scope: dict(pairs) for scope, pairs in by_case.items()}
    if not scopes:
        path.unlink(missing_ok=True)
        return
    write_json(
        path,
        {
            "scopes": {
                scope: {case: _sums(bins) for case, bins in by_case.items()}
                for scope, by_case in scopes.items()
            }
        },
    )


def _sums(bins: CalibrationBins) -> dict[str, list[float]]:
    sums = bins.sums
    return {
        "count": sums.counts[0].tolist(),
        "confidence": sums.confidence[0].tolist(),
        "hits": sums.hits[0].astype(float).tolist(),
    }
