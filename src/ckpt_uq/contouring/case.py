"""One predicted case: at which lambda each of its voxels is inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.conformal.contour import ContourRule
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluating.predictions import PredictedCase, open_prediction, probability_slabs
from ckpt_uq.io.geometry import Geometry


@dataclass(frozen=True)
class ContourMap:
    """All contours of a case at once.

    Attributes
    ----------
    when : array
        float64, shape (z, y, x): the lambda at which each voxel enters, or leaves.
    geometry : Geometry
        Where it lies.
    """

    when: npt.NDArray[Any]
    geometry: Geometry


def contour_map(folder: Path, rule: ContourRule, *, finished_have_marks: bool = False) -> ContourMap:
    """Read a predicted case; memory is that of a few volumes in double precision.

    Raises
    ------
    DataError
        The case is not whole, lacks class probabilities where they are needed, or a file cannot be read.
    """
    case = open_prediction(folder, finished_have_marks=finished_have_marks)
    if case.n_classes is not None and max(rule.labels) >= case.n_classes:
        raise DataError(f"{folder} has classes up to {case.n_classes - 1}, got label {max(rule.labels)}")
    if rule.family == "margin":
        spacing = case.geometry.spacing
        return ContourMap(rule.map_of((), case.segmentation, spacing=spacing), case.geometry)
    return ContourMap(_by_probability(folder, case, rule), case.geometry)


def _by_probability(folder: Path, case: PredictedCase, rule: ContourRule) -> npt.NDArray[Any]:
    if case.probs is None:
        raise DataError(
            f"{folder} must hold mean_probs.npz of classes; predict or combine with --save-probs, or take "
            "margins, which need the segmentation alone"
        )
    grid = case.geometry.shape
    when = np.empty(grid, np.float64)
    for part, probs in probability_slabs(case.probs, grid):
        try:
            when[part] = rule.map_of(probs, case.segmentation[part])
        except ArgumentError as error:
            raise DataError(f"{case.probs}: {error}") from error
    return when
