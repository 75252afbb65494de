"""One predicted case, beyond what ``ckpt-uq evaluate`` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ckpt_uq import Prediction
from ckpt_uq.case_folder import ENTROPY
from ckpt_uq.combining.contours import SlabContours
from ckpt_uq.combining.foreground import as_foreground
from ckpt_uq.errors import DataError
from ckpt_uq.evaluating.predictions import open_prediction, read_labels
from ckpt_uq.evaluation.kits import KitsScore, kits_scores
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import read_volume
from ckpt_uq.io.probabilities import open_probabilities
from ckpt_uq.scores.contour_entropy import ContourTerms
from kits23.evaluating.calibration import SystemBins
from kits23.evaluating.flags import Flag, find_flags
from kits23.evaluating.slices import Row, slice_rows
from kits23.work import CLASSES

_SLAB_VALUES = 1 << 24


@dataclass(frozen=True)
class CaseDetails:
    """What one case adds.

    Attributes
    ----------
    kits : dict
        Dice and surface Dice of KiTS's regions.
    slices : list of dict
        One row a slice.
    flags : list of Flag
        Places where the labels may be wrong.
    bins : SystemBins or None
        Calibration beside the library's; None without saved probabilities.
    """

    kits: Mapping[str, KitsScore]
    slices: list[Row]
    flags: list[Flag]
    bins: SystemBins | None = field(default=None)

    @property
    def scores(self) -> dict[str, float]:
        """The case's cells in the table of scores."""
        return {
            **{f"kits_dice_{region}": score.dice for region, score in self.kits.items()},
            **{f"kits_surface_dice_{region}": score.surface_dice for region, score in self.kits.items()},
        }


def case_details(folder: Path, labels: Path) -> CaseDetails:
    """Compare one predicted case with its labels.

    Parameters
    ----------
    folder : Path
        As ``ckpt-uq predict`` or ``combine`` writes it.
    labels : Path
        The truth.

    Raises
    ------
    DataError
        A file cannot be read, or labels and prediction do not fit.
    """
    case = open_prediction(folder, finished_have_marks=True)
    truth = read_labels(labels, case.geometry)
    entropy = read_volume(folder / ENTROPY)
    difference = entropy.geometry.difference(case.geometry)
    if difference is not None:
        raise DataError(f"{folder / ENTROPY} must lie on the segmentation's grid, got {difference}")
    spacing, axis = spacing_of(case.geometry), case.geometry.axial_axis
    terms, bins = ({}, None) if case.probs is None else _pass(case.probs, truth, case.segmentation, axis)
    return CaseDetails(
        kits=kits_scores(case.segmentation, truth, spacing=spacing),
        slices=slice_rows(case.segmentation, truth, entropy.data, terms, axis),
        flags=find_flags(case.segmentation, truth, entropy.data, spacing_mm=spacing, slice_axis=axis),
        bins=bins,
    )


def spacing_of(geometry: Geometry) -> tuple[float, ...]:
    """Distance of voxels in mm along each axis of the array (z, y, x).

    Examples
    --------
    >>> spacing_of(Geometry((2, 3, 4), np.diag([0.8, 0.7, 5.0, 1.0])))
    (5.0, 0.7, 0.8)
    """
    return tuple(float(step) for step in np.linalg.norm(geometry.affine[:3, :3], axis=0)[::-1])


def _pass(
    path: Path, truth: npt.NDArray[np.int32], segmentation: npt.NDArray[np.int32], axis: int
) -> tuple[dict[str, ContourTerms], SystemBins]:
    """Read the probabilities once, slab by slab: contours of every slice, and calibration."""
    bins = SystemBins()
    with open_probabilities(path) as saved:
        if saved.shape != (len(CLASSES) + 1, *truth.shape):
            raise DataError(
                f"{path} must have background, {', '.join(CLASSES)} on the grid {truth.shape}, got "
                f"{saved.shape}"
            )
        classes = SlabContours(range(1, saved.shape[0]), axis)
        foreground = SlabContours([1], axis)
        depth = max(3, _SLAB_VALUES // (saved.shape[0] * truth[0].size))
        for index, probs in enumerate(saved.slabs(depth)):
            part = slice(index * depth, index * depth + probs.shape[1])
            prediction = Prediction.from_probs(probs.astype(np.float32, copy=False))
            classes.update(prediction)
            foreground.update(as_foreground(prediction))
            bins.update(probs, truth[part], segmentation[part])
    terms = {"foreground": foreground.terms(1)}
    terms |= {name: classes.terms(index) for index, name in enumerate(CLASSES, start=1)}
    return terms, bins
