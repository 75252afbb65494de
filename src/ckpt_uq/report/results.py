"""What lies in a results folder, whoever wrote it: demo, combine, predict or evaluate."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import DataError
from ckpt_uq.manifest import MANIFEST, RunManifest, read_run

Floats = npt.NDArray[np.float64]

VOLUMES = {
    "image": ("image",),
    "labels": ("labels",),
    "segmentation": ("segmentation",),
    "predictive_entropy": ("predictive_entropy", "entropy"),
    "mutual_information": ("mutual_information",),
}
"""What a case's folder may hold, and under which names, as NAME.nii.gz or NAME.nii.

The segmentation makes a folder a case.
"""

_SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True)
class CaseResult:
    """One case: its volumes on disk and its row of numbers.

    Attributes
    ----------
    name : str
        The folder's name and the row's key.
    volumes : mapping of str to Path
        By the names in `VOLUMES`, those that exist.
    scores : mapping of str to float
        The row of scores.csv; NaN where the cell is empty.
    """

    name: str
    volumes: Mapping[str, Path]
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseBins:
    """Calibration bins of every case, so that cases can be drawn again.

    Attributes
    ----------
    scope : str
        Which voxels were counted.
    count, confidence, hits : array
        Shape (cases, bins): voxels, sum of their confidences, how many were right.
    """

    scope: str
    count: Floats
    confidence: Floats
    hits: Floats


@dataclass(frozen=True)
class Results:
    """A results folder, read; what is absent is empty or None."""

    folder: Path
    cases: tuple[CaseResult, ...]
    metrics: Mapping[str, Any]
    columns: tuple[str, ...]
    run: RunManifest | None
    bins: tuple[CaseBins, ...]


def read_results(folder: str | Path, images: str | Path | None = None) -> Results:
    """Read what a results folder has.

    Parameters
    ----------
    folder : path
        Holds at least one case with a segmentation, or scores.csv, or metrics.json.
    images : path, optional
        A folder with the images of cases that do not hold their own: CASE.nii.gz, or CASE_0000.nii.gz as
        nnU-Net names the first channel.

    Raises
    ------
    DataError
        The folder is missing, holds no results, or a file in it is damaged.
    """
    folder = _folder(folder, "results")
    columns, rows = _scores(folder / "scores.csv")
    metrics = _json(folder / "metrics.json")
    found = dict(_case_volumes(folder))
    if images is not None:
        for name, volumes in found.items():
            _add_image(volumes, _folder(images, "images"), name)
    if not (found or rows or metrics):
        raise DataError(
            "results must hold cases/NAME/segmentation.nii.gz, scores.csv or metrics.json, "
            f"{folder} has none of them; "
            "name the folder that ckpt-uq demo, combine or evaluate wrote"
        )
    names = sorted(found.keys() | rows.keys())
    return Results(
        folder=folder,
        cases=tuple(CaseResult(name, found.get(name, {}), rows.get(name, {})) for name in names),
        metrics=metrics,
        columns=columns,
        run=_run(folder),
        bins=_bins(folder / "calibration_bins.json"),
    )


def _folder(path: str | Path, name: str) -> Path:
    if not Path(path).is_dir():
        raise DataError(f"{name} must be a folder, found none at {path}")
    return Path(path)


def _case_volumes(folder: Path) -> Iterator[tuple[str, dict[str, Path]]]:
    parent = folder / "cases" if (folder / "cases").is_dir() else folder
    for case in sorted(path for path in parent.iterdir() if path.is_dir()):
        files = {role: _first(case, names) for role, names in VOLUMES.items()}
        volumes = {role: file for role, file in files.items() if file is not None}
        if "segmentation" in volumes:
            yield case.name, volumes


def _add_image(volumes: dict[str, Path], images: Path, case: str) -> None:
    image = _first(images, (case, f"{case}_0000"))
    if image is not None:
        volumes.setdefault("image", image)


def _first(folder: Path, stems: tuple[str, ...]) -> Path | None:
    files = (folder / f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def _scores(path: Path) -> tuple[tuple[str, ...], dict[str, dict[str, float]]]:
    if not path.is_file():
        return (), {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not reader.fieldnames or "case" not in reader.fieldnames:
            raise DataError(f"{path} must have a column 'case', got {reader.fieldnames}")
        rows = {
            row["case"]: {name: _float(text) for name, text in row.items() if name != "case"}
            for row in reader
        }
    shown = tuple(
        name
        for name in reader.fieldnames
        if name != "case" and any(math.isfinite(row[name]) for row in rows.values())
    )
    return shown, rows


def _float(text: str | None) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} must be JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold one JSON object, got {type(content).__name__}")
    return content


def _run(folder: Path) -> RunManifest | None:
    return read_run(folder / "run") if (folder / "run" / MANIFEST).is_file() else None


def _bins(path: Path) -> tuple[CaseBins, ...]:
    scopes = _json(path).get("scopes", {})
    try:
        return tuple(
            CaseBins(scope, *(_table(cases, name) for name in ("count", "confidence", "hits")))
            for scope, cases in scopes.items()
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} must hold count, confidence and hits for each case of a scope: {error}"
        ) from error


def _table(cases: Mapping[str, Mapping[str, list[float]]], name: str) -> Floats:
    return np.array([row[name] for row in cases.values()], np.float64).reshape(len(cases), -1)
