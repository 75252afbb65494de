"""Whether uncertainty points to where annotators disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ckpt_uq.case_folder import MEMBER_LABELS
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluating.measures.measure import Table, means
from ckpt_uq.evaluating.opened import OpenCase, Regions
from ckpt_uq.evaluation.dmax import dmax
from ckpt_uq.evaluation.ged import ged
from ckpt_uq.evaluation.ncc import ncc
from ckpt_uq.evaluation.rater_disagreement import rater_disagreement_auroc

Array = npt.NDArray[Any]


class CaseRaters:
    """One case against its raters."""

    def __init__(self, case: OpenCase, raters: Array, regions: Regions) -> None:
        bits = case.entropy()
        roi = case.scope("dilated_roi", regions)
        n_classes = max(case.n_classes, int(raters.max()) + 1)
        samples = read_samples(case)
        self.numbers = {"rater_ged": ged(samples, raters, n_classes)}
        self.numbers["rater_dmax"] = dmax(samples, raters, n_classes)
        if bits is not None:
            self.numbers |= {
                "rater_disagreement_auroc": rater_disagreement_auroc(bits, raters),
                "rater_disagreement_auroc_roi": rater_disagreement_auroc(bits, raters, mask=roi),
                "rater_ncc": ncc(bits, raters, n_classes),
                "rater_ncc_roi": ncc(bits, raters, n_classes, mask=roi),
            }

    def slab(self, part: slice, probs: Array) -> None:
        """Raters are compared with saved maps."""

    def scores(self) -> dict[str, float]:
        """The case's own numbers."""
        return self.numbers


class RatersMeasure:
    """Entropy against the disagreement of annotators, and the segmentation against each of them."""

    key = "raters"
    columns: tuple[str, ...] = ("rater_",)
    what = (
        "Means over the cases that have raters. GED and Dmax are of the members' label maps where they were "
        "kept (predict --save-members), else of the one segmentation."
    )

    def __init__(self, folder: str | Path, regions: Regions) -> None:
        self.folder, self.regions = Path(folder), regions
        if not self.folder.is_dir():
            raise ArgumentError(f"raters must be a folder of CASE.npz, found none at {folder}")
        self._cases: list[dict[str, float]] = []

    def begin(self, case: OpenCase) -> CaseRaters | None:
        """Measure a case that has raters.

        Raises
        ------
        DataError
            Its file cannot be read, or lies on another grid.
        """
        path = self.folder / f"{case.folder.name}.npz"
        return CaseRaters(case, read_raters(path, case.truth.shape), self.regions) if path.is_file() else None

    def keep(self, case: CaseRaters) -> None:
        """Keep the numbers of a case."""
        self._cases.append(case.numbers)

    def table(self) -> Table:
        """One row."""
        return {"mean over cases": means(self._cases)} if self._cases else {}


def read_samples(case: OpenCase) -> Array:
    """What the members say, if their labels were kept, or else the one segmentation; (M, z, y, x).

    Raises
    ------
    DataError
        The members' labels cannot be read, or lie on another grid.
    """
    path = case.folder / MEMBER_LABELS
    return read_raters(path, case.truth.shape) if path.is_file() else case.segmentation[None]


def read_raters(path: Path, grid: tuple[int, ...]) -> Array:
    """Read the array 'raters' or 'labels' of an npz: label maps (R, z, y, x), R >= 2.

    Raises
    ------
    DataError
        There is none, it holds anything else, or lies on another grid.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            name = next((name for name in ("raters", "labels") if name in arrays), None)
            raters = None if name is None else arrays[name]
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(f"{path} cannot be read as raters: {error}") from error
    if raters is None or raters.dtype.kind not in "iu" or len(raters) < 2 or raters.shape[1:] != grid:
        got = "none" if raters is None else f"{raters.dtype} of shape {raters.shape}"
        raise DataError(
            f"{path} must hold an array 'raters' of two label maps or more on the grid {grid}, got {got}"
        )
    return np.asarray(raters)
