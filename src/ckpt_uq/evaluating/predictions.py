"""Predicted cases, found by their folders, and their labels, found by their names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.case_folder import DONE, MEAN_PROBS, SEGMENTATION, read_done
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import read_volume as read_nifti
from ckpt_uq.io.probabilities import open_probabilities
from ckpt_uq.io.volume import Volume, read_volume
from ckpt_uq.predicting.images import find_images

_WITHOUT_PLACE = (".npy", ".png")

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PredictedCase:
    """A case's folder, opened.

    Attributes
    ----------
    segmentation : array
        Integers, shape (z, y, x).
    geometry : Geometry
        Where it lies.
    probs, region_probs : Path or None
        File of the mean probabilities of classes, or of regions, if there is one.
    n_classes : int or None
        Classes, background included, as far as the folder says; for regions the labels they paint.
    """

    segmentation: Labels
    geometry: Geometry
    probs: Path | None
    region_probs: Path | None
    n_classes: int | None


def find_predictions(folder: str | Path) -> dict[str, Path]:
    """Map the names of predicted cases to their folders, in ``cases/`` or in `folder` itself.

    Raises
    ------
    DataError
        There is none.
    """
    folder = Path(folder)
    parent = folder / "cases" if (folder / "cases").is_dir() else folder
    found = sorted(parent.iterdir()) if parent.is_dir() else []
    cases = {path.name: path for path in found if (path / SEGMENTATION).is_file() or (path / DONE).is_file()}
    if not cases:
        raise DataError(f"predictions must hold cases/NAME/{SEGMENTATION}, found none in {folder}")
    return cases


def any_marked(cases: Mapping[str, Path]) -> bool:
    """Whether a case has the mark of a finished one, without which the others were interrupted then."""
    return any((folder / DONE).is_file() for folder in cases.values())


def find_labels(folder: str | Path, cases: dict[str, Path]) -> dict[str, Path]:
    """Map the names of cases to their files of labels; every prediction's folder may hold its own.

    Raises
    ------
    ArgumentError
        There is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArgumentError(f"labels must be a folder of NAME.nii.gz, found none at {folder}")
    if any((folder / name / "labels.nii.gz").is_file() for name in cases):
        return {name: folder / name / "labels.nii.gz" for name in cases}
    return find_images([folder])


def open_prediction(folder: Path, *, finished_have_marks: bool) -> PredictedCase:
    """Read what a predicted case says.

    Raises
    ------
    DataError
        The case is not whole, or its segmentation cannot be read.
    """
    done = read_done(folder)
    if done is None and finished_have_marks:
        raise DataError(f"{folder} must be finished, but has no {DONE}; run the same prediction again")
    volume = read_nifti(folder / SEGMENTATION)
    probs = folder / MEAN_PROBS if (folder / MEAN_PROBS).is_file() else None
    order = ((done or {}).get("settings") or {}).get("region_order")
    return PredictedCase(
        segmentation=whole_numbers(volume, folder / SEGMENTATION),
        geometry=volume.geometry,
        probs=None if _of_regions(done) else probs,
        region_probs=probs if _of_regions(done) else None,
        n_classes=max(order) + 1 if order else (done or {}).get("n_classes"),
    )


def probability_slabs(
    path: Path, grid: tuple[int, ...], n_values: int = 1 << 24
) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """Slices along axis 0, and their probabilities (C, depth, y, x), about so many numbers at a time.

    Raises
    ------
    DataError
        The file cannot be read, or has another grid than the segmentation.
    """
    with open_probabilities(path) as saved:
        if saved.shape[1:] != grid:
            raise DataError(f"{path} must have the segmentation's grid {grid}, got {saved.shape[1:]}")
        depth = max(1, n_values // math.prod((saved.shape[0], *grid[1:])))
        for index, probs in enumerate(saved.slabs(depth)):
            yield slice(index * depth, index * depth + probs.shape[1]), probs


def read_labels(path: Path, geometry: Geometry) -> Labels:
    """Read the truth of a case, on the grid of its prediction.

    Raises
    ------
    DataError
        It cannot be read, is no label map, or lies elsewhere.
    """
    volume = read_volume(path)
    place = geometry.affine if path.name.lower().endswith(_WITHOUT_PLACE) else volume.affine
    difference = Geometry(volume.data.shape, place).difference(geometry)
    if difference:
        raise DataError(f"labels and prediction must lie in the same place, got {difference} for {path}")
    return whole_numbers(volume, path)


def whole_numbers(volume: Volume, path: Path) -> Labels:
    """The volume as labels, which many tools write as floating point.

    Raises
    ------
    DataError
        A value is no whole number.
    """
    data: npt.NDArray[Any] = volume.data
    labels: Labels = np.nan_to_num(data, nan=0.5, posinf=0.5, neginf=0.5).astype(np.int32)
    if not np.array_equal(labels, data):
        raise DataError(f"{path} must hold whole numbers, labels, got {data.dtype} with others among them")
    return labels


def _of_regions(done: dict[str, Any] | None) -> bool:
    settings = (done or {}).get("settings") or {}
    return settings.get("outputs") == "regions" or bool(settings.get("region_order"))
