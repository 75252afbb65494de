"""What the demo leaves on disk: volumes of every case, tables and numbers."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.scoring import FOREGROUND, CaseScores
from ckpt_uq.demo.state import TrainingLog
from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.io.nifti import write_volume
from ckpt_uq.io.volume import Volume
from ckpt_uq.manifest import RunManifest
from ckpt_uq.prediction import Prediction


def write_case(folder: Path, case: Case, prediction: Prediction) -> None:
    """Image, labels, segmentation and maps of one case, all on the image's grid."""
    folder.mkdir(parents=True, exist_ok=True)
    volumes = {
        "image": case.image,
        "labels": case.labels,
        "segmentation": prediction.segmentation,
        "entropy": prediction.predictive_entropy,
        "mutual_information": prediction.mutual_information,
    }
    for name, data in volumes.items():
        write_volume(folder / f"{name}.nii.gz", Volume(data, case.affine, case.header))


def write_scores(path: Path, ensemble: Sequence[CaseScores], single: Sequence[CaseScores]) -> None:
    """One row a test case; an empty cell is a number that the case does not have."""
    _write_table(path, [_row(*pair) for pair in zip(ensemble, single, strict=True)])


def write_history(path: Path, run: RunManifest, log: TrainingLog) -> None:
    """One row an epoch."""
    rows = [
        {"epoch": entry.epoch, "lr": entry.lr, "loss": loss, "selection_dice": entry.score}
        for entry, loss in zip(run.history, log.loss, strict=True)
    ]
    _write_table(path, rows)


def write_bins(path: Path, scores: Sequence[CaseScores]) -> None:
    """Calibration bins by case, so that cases can be drawn again without the volumes."""
    scopes = {
        "all": {case.name: _bin_sums(case.bins) for case in scores},
        "dilated_roi": {case.name: _bin_sums(case.bins_roi) for case in scores},
    }
    write_json(path, {"scopes": scopes})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Strict JSON: what is not a number is null."""
    text = json.dumps(_without_nan(content), indent=2, allow_nan=False)
    write_bytes_atomic(path, f"{text}\n".encode())


def _row(ensemble: CaseScores, single: CaseScores) -> dict[str, Any]:
    return {
        "case": ensemble.name,
        "dice_mean": ensemble.dice_mean,
        **{f"dice_{name}": dice for name, dice in ensemble.dice.items()},
        "dice_mean_best_single": single.dice_mean,
        **{f"dice_{name}_best_single": dice for name, dice in single.dice.items()},
        f"contour_score_{FOREGROUND}": ensemble.contour_score[FOREGROUND],
        **{f"contour_score_{name}": score for name, score in ensemble.contour_score.items()},
        "contour_settings": json.dumps(ensemble.contour_settings),
        "mean_entropy_bits": ensemble.entropy_bits,
        "mean_mutual_information_bits": ensemble.mutual_information_bits,
        "ece_percent": 100 * ensemble.bins.ece(),
        "ece_roi_percent": 100 * ensemble.bins_roi.ece(),
    }


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    write_bytes_atomic(path, text.getvalue().encode())


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value


def _bin_sums(bins: CalibrationBins) -> dict[str, list[float]]:
    points = bins.reliability()
    sums = {"confidence": points.confidence, "hits": points.accuracy}
    return {
        "count": points.count.tolist(),
        **{name: np.nan_to_num(mean * points.count).tolist() for name, mean in sums.items()},
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
