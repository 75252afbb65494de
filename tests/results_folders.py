"""Small results folders: one with everything, one as ``combine`` leaves it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.io.volume import Volume, write_volume
from ckpt_uq.selection import PeakCheckpointSelector

AFFINE = np.diag([4.0, 4.0, 6.0, 1.0])
SHAPE = (5, 24, 32)
NAMES = ("alpha", "beta", "<gamma> & 'delta'")
"""The last must reach the page as text."""


def ball(radius: float, shape: tuple[int, int, int] = SHAPE) -> np.ndarray[Any, Any]:
    """Distance from the middle less `radius`, in pixels of the plane: negative inside."""
    z, y, x = np.indices(shape, dtype=np.float64)
    middle = [(n - 1) / 2 for n in shape]
    return np.sqrt((2 * (z - middle[0])) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2) - radius


def volumes_of(index: int) -> dict[str, np.ndarray[Any, Any]]:
    """A case whose uncertainty grows with its index."""
    away = ball(7.0)
    prob = 1 / (1 + np.exp(away / (0.5 + 0.6 * index)))
    entropy = -prob * np.log2(prob + 1e-12) - (1 - prob) * np.log2(1 - prob + 1e-12)
    rng = np.random.default_rng(index)
    return {
        "image": (100 * (away < 0) + rng.normal(0, 10, SHAPE)).astype(np.float32),
        "labels": (ball(7.0 + index) < 0).astype(np.uint8),
        "segmentation": (prob > 0.5).astype(np.uint8),
        "entropy": entropy.astype(np.float32),
        "mutual_information": (entropy / 4).astype(np.float32),
    }


def write_volumes(folder: Path, volumes: Mapping[str, np.ndarray[Any, Any]]) -> None:
    folder.mkdir(parents=True)
    for name, data in volumes.items():
        write_volume(folder / f"{name}.nii.gz", Volume(data, AFFINE))


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_bins(path: Path) -> None:
    cases = {}
    for index, name in enumerate(NAMES):
        bins, rng = CalibrationBins(n_bins=5), np.random.default_rng(index)
        prob = rng.uniform(0.5, 1, 500)
        bins.update(np.stack([prob, 1 - prob]), (rng.uniform(size=500) > prob).astype(int))
        points = bins.reliability()
        sums = [np.nan_to_num(mean * points.count).tolist() for mean in (points.confidence, points.accuracy)]
        cases[name] = {"count": points.count.tolist(), "confidence": sums[0], "hits": sums[1]}
    path.write_text(json.dumps({"scopes": {"all": cases}}))


def write_run(folder: Path) -> None:
    selector = PeakCheckpointSelector(folder, cycles=[4, 4], k=2)
    model = nn.Linear(1, 1)
    for epoch, score in enumerate([0.3, 0.4, 0.5, 0.6, 0.5, 0.6, 0.7, 0.8]):
        selector.step(epoch, score, model, lr=0.1 * (1 - (epoch % 4) / 4))


def write_everything(folder: Path) -> None:
    """A folder as the demo leaves it."""
    for index, name in enumerate(NAMES):
        write_volumes(folder / "cases" / name, volumes_of(index))
    scores = (("0.95", "1.5"), ("0.9", ""), ("0.7", "10.5"))
    rows = [
        {
            "case": name,
            "dice_mean": dice,
            "dice_organ": dice,
            "contour_score_foreground": score,
            "note": "text",
        }
        for name, (dice, score) in zip(NAMES, scores, strict=True)
    ]
    write_table(folder / "scores.csv", rows)
    metrics = {
        "data": "phantom",
        "title": "A title with <angle> & brackets",
        "classes": ["organ"],
        "n_members": 4,
        "dice_mean": 0.85,
        "dice_mean_best_single": 0.84,
        "ensemble_minus_best_single": {
            "dice_mean": {"estimate": 0.01, "low": -0.02, "high": 0.03, "n_cases": 3}
        },
        "ece_percent": None,
        "dice_per_class": {"organ": 0.85},
        "dice_per_class_best_single": {"organ": 0.84},
        "contour_score": {"organ": {"mean": 6.0, "n_nan": 1}},
        "uncertainty_dice_spearman": -1.0,
        "command": "ckpt-uq demo --seed 1",
        "seconds": {"train": 12.34},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    write_bins(folder / "calibration_bins.json")
    write_run(folder / "run")


def write_combined(folder: Path) -> None:
    """A folder as combine leaves it: no image, no truth, no run."""
    for index, name in enumerate(NAMES[:2]):
        volumes = volumes_of(index)
        write_volumes(
            folder / "cases" / name,
            {role: volumes[role] for role in ("segmentation", "entropy", "mutual_information")},
        )
    rows = [
        {"case": name, "contour_score_class_1": 2.0 + index, "mean_entropy_bits": 0.1}
        for index, name in enumerate(NAMES[:2])
    ]
    write_table(folder / "scores.csv", rows)
