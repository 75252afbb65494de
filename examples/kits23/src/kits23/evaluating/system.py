"""All cases of one system: the four files of WORK/evaluation/SYSTEM."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from ckpt_uq.case_folder import DONE
from ckpt_uq.cohort import SCORES, Progress
from ckpt_uq.errors import ArgumentError, CkptUQError
from ckpt_uq.evaluating.cohort import METRICS, evaluate_cohort
from ckpt_uq.evaluating.opened import Regions
from ckpt_uq.evaluating.predictions import find_labels, find_predictions
from ckpt_uq.evaluating.wanted import Wanted
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.kits import KITS_REGIONS
from ckpt_uq.evaluation.risk_coverage import aurc
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.io.json_file import without_nan, write_json
from ckpt_uq.io.scores_csv import read_scores, write_scores
from kits23.evaluating.calibration import RELEASED, SystemBins
from kits23.evaluating.case import CaseDetails, case_details
from kits23.evaluating.flags import MEANING
from kits23.evaluating.tables import write_rows
from kits23.work import CLASSES, Work

SLICES = "slices.csv"
FLAGS = "flags.csv"

_FLAG_COLUMNS = (
    "rank", "case", "kind", "class", "slice", "voxel_i", "voxel_j", "voxel_k",
    "n_voxels", "doubt_bit_ml", "mean_entropy_bits", "what",
)  # fmt: skip

_UNCERTAINTY = ("contour_score_", "mean_entropy_bits", "mean_mutual_information_bits")


@dataclass(frozen=True)
class SystemEvaluation:
    """What came out.

    Attributes
    ----------
    metrics : dict
        As written to ``metrics.json``.
    failed : dict
        What went wrong, by case.
    """

    metrics: dict[str, Any]
    failed: dict[str, Exception]


def find_systems(work: Work) -> list[str]:
    """Names of the systems that have a finished prediction.

    Raises
    ------
    ArgumentError
        There is none.
    """
    folder = work.predictions
    found = sorted(path.name for path in folder.glob("*") if any(path.glob(f"cases/*/{DONE}")))
    if not found:
        raise ArgumentError(
            f"WORK must hold predictions/SYSTEM/cases, none is in {folder}; run kits23 predict"
        )
    return found


def evaluate_system(
    work: Work,
    system: str,
    *,
    roi_pixels: int = 4,
    progress: Progress = lambda case, done, n_cases: None,
) -> SystemEvaluation:
    """Compare a system's predictions with the labels of the test cases.

    Writes ``metrics.json``, ``scores.csv``, ``slices.csv``, ``flags.csv`` and ``calibration_bins.json`` to
    WORK/evaluation/SYSTEM. A case that fails is left out and named.

    Parameters
    ----------
    work : Work
        The folder.
    system : str
        Name of a folder in WORK/predictions.
    roi_pixels : int
        See :class:`ckpt_uq.evaluating.opened.Regions`.
    progress : callable
        See :func:`ckpt_uq.cohort.run_cohort`.

    Raises
    ------
    DataError
        There are no predictions, or the folder cannot be written to.
    """
    predictions, labels = work.predictions / system, work.raw / "labelsTs"
    out = work.evaluation / system
    cases = find_predictions(predictions)
    truths = find_labels(labels, cases)
    details: dict[str, CaseDetails] = {}
    failed: dict[str, Exception] = {}
    for index, (name, folder) in enumerate(cases.items()):
        progress(name, index / 2, len(cases))
        try:
            if name in truths:
                details[name] = case_details(folder, truths[name])
        except (CkptUQError, OSError) as error:
            failed[name] = error
    done = evaluate_cohort(
        predictions,
        labels,
        out,
        classes=CLASSES,
        wanted=Wanted(groups=(), regions=Regions(roi_pixels)),
        progress=lambda case, n, total: progress(case, total / 2 + n / 2, total),
    )
    failed = {**failed, **done.failed}
    details = {name: case for name, case in details.items() if name not in failed}
    rows = _rows(out, details)
    by_score = "uncertainty_dice_spearman_by_score"
    metrics = {
        "system": system,
        **done.metrics,
        by_score: {_named(score): value for score, value in done.metrics[by_score].items()},
        **_metrics(details, rows),
        "failed": sorted(failed),
    }
    write_scores(out / SCORES, rows)
    write_rows(out / SLICES, *_slices(details))
    write_rows(out / FLAGS, _flags(details), _FLAG_COLUMNS)
    write_json(out / METRICS, metrics)
    return SystemEvaluation(without_nan(metrics), failed)


def _rows(out: Path, details: Mapping[str, CaseDetails]) -> dict[str, dict[str, float]]:
    """The library's table with KiTS's numbers, its contour scores under the classes' names."""
    rows = read_scores(out / SCORES)
    return {
        name: {**{_named(column): value for column, value in rows[name].items()}, **case.scores}
        for name, case in details.items()
        if name in rows
    }


def _named(column: str) -> str:
    """Give the contour score of a class the class's name.

    Examples
    --------
    >>> _named("contour_score_class_2"), _named("dice_mean")
    ('contour_score_tumour', 'dice_mean')
    """
    start = "contour_score_class_"
    if not column.startswith(start):
        return column
    number = int(column.removeprefix(start))
    return f"contour_score_{CLASSES[number - 1]}" if 1 <= number <= len(CLASSES) else column


def _metrics(details: Mapping[str, CaseDetails], rows: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    columns = {name: [row.get(name, math.nan) for row in rows.values()] for name in _columns(rows)}
    scores = [name for name in columns if name.startswith(_UNCERTAINTY)]
    good = [name for name in columns if name.startswith(("dice_", "kits_dice_"))]
    return {
        "kits": {
            region: {
                "dice": case_mean(columns.get(f"kits_dice_{region}", [])).mean,
                "surface_dice": case_mean(columns.get(f"kits_surface_dice_{region}", [])).mean,
                "tolerance_mm": KITS_REGIONS[region].tolerance_mm,
            }
            for region in KITS_REGIONS
        },
        "contour_score": {
            name.removeprefix("contour_score_"): case_mean(columns[name])._asdict()
            for name in scores
            if name.startswith("contour_score_")
        },
        **_calibration(details),
        "uncertainty_against_dice": {
            score: {
                quality: {
                    "spearman": spearman(columns[score], columns[quality]),
                    "aurc": aurc(risk=[1 - value for value in columns[quality]], uncertainty=columns[score]),
                }
                for quality in good
            }
            for score in scores
        },
        "n_flags": {
            kind: sum(flag.kind == kind for case in details.values() for flag in case.flags)
            for kind in MEANING
        },
    }


def _columns(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows.values() for name in row))


def _calibration(details: Mapping[str, CaseDetails]) -> dict[str, Any]:
    bins = [case.bins for case in details.values() if case.bins is not None]
    if not bins or len(bins) < len(details):
        return {"ece_released_percent": math.nan, "ece_per_class_percent": {}}
    pooled = reduce(SystemBins.merge, bins)
    return {
        "ece_released_percent": pooled.released_ece_percent,
        "ece_released": RELEASED,
        "ece_per_class_percent": {
            name: pooled.class_ece_percent(label) for label, name in enumerate(("background", *CLASSES))
        },
    }


def _slices(details: Mapping[str, CaseDetails]) -> tuple[list[dict[str, float | str]], list[str]]:
    rows: list[dict[str, float | str]] = [
        {"case": name, **row} for name, case in details.items() for row in case.slices
    ]
    return rows, list(dict.fromkeys(["case", "slice", *(column for row in rows for column in row)]))


def _flags(details: Mapping[str, CaseDetails]) -> list[dict[str, float | str | int]]:
    found = [(name, flag) for name, case in details.items() for flag in case.flags]
    found.sort(key=lambda one: -one[1].doubt_bit_ml)
    return [
        {
            "rank": rank,
            "case": name,
            "kind": flag.kind,
            "class": flag.class_name,
            "slice": flag.slice_index,
            **dict(zip(("voxel_i", "voxel_j", "voxel_k"), flag.centre, strict=True)),
            "n_voxels": flag.n_voxels,
            "doubt_bit_ml": flag.doubt_bit_ml,
            "mean_entropy_bits": flag.mean_entropy_bits,
            "what": MEANING[flag.kind],
        }
        for rank, (name, flag) in enumerate(found, start=1)
    ]
