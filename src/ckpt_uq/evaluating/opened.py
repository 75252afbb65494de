"""A predicted case beside its labels, opened: what every measure is taken of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.calibration.scope import Scope, scope_mask
from ckpt_uq.case_folder import ENTROPY
from ckpt_uq.errors import DataError
from ckpt_uq.evaluating.predictions import Labels, open_prediction, probability_slabs, read_labels
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import read_volume

_SLAB_VALUES = 1 << 24

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Regions:
    """How wide the regions are that calibration is measured in.

    Attributes
    ----------
    roi_pixels : int
        The region of interest is the labelled foreground and this many steps around it in its slice.
    band_mm : float
        The boundary band holds the voxels within this distance of one with another label.
    """

    roi_pixels: int = 4
    band_mm: float = 3.0


@dataclass(frozen=True)
class OpenCase:
    """A case's label maps in memory, its probabilities on disk.

    Attributes
    ----------
    folder : Path
        The case's folder.
    segmentation, truth : array
        Integers, shape (z, y, x).
    geometry : Geometry
        Where both lie.
    classes : tuple of str
        Names of the foreground classes, label 1 first.
    probs, region_probs : Path or None
        File of the mean probabilities of classes, or of regions, if there is one.
    """

    folder: Path
    segmentation: Labels
    truth: Labels
    geometry: Geometry
    classes: tuple[str, ...]
    probs: Path | None
    region_probs: Path | None = None

    @property
    def n_classes(self) -> int:
        """Background included."""
        return len(self.classes) + 1

    @property
    def errors(self) -> Mask:
        """Where the segmentation is wrong."""
        return np.asarray(self.segmentation != self.truth)

    def scope(self, scope: Scope, regions: Regions) -> Mask:
        """Mask of a scope around the truth."""
        mask: Mask = scope_mask(
            self.truth,
            scope,
            pixels=regions.roi_pixels,
            slice_axis=self.geometry.axial_axis,
            width=regions.band_mm,
            spacing=self.geometry.spacing,
        )
        return mask

    def entropy(self) -> npt.NDArray[Any] | None:
        """The saved map of predictive entropy in bits, shape (z, y, x); None without one.

        Raises
        ------
        DataError
            It cannot be read, or lies elsewhere.
        """
        path = self.folder / ENTROPY
        if not path.is_file():
            return None
        volume = read_volume(path)
        difference = Geometry(volume.data.shape, volume.affine).difference(self.geometry)
        if difference:
            raise DataError(f"{path} must lie where the segmentation does, got {difference}")
        return np.asarray(np.maximum(volume.data, 0))

    def slabs(self) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Slices along axis 0, and their probabilities (C, depth, y, x), a slab at a time.

        Raises
        ------
        DataError
            The file cannot be read, or has another grid than the segmentation.
        """
        if self.probs is not None:
            yield from probability_slabs(self.probs, self.truth.shape, _SLAB_VALUES)


def open_case(
    folder: Path, labels: Path, *, classes: Sequence[str] | None = None, finished_have_marks: bool = False
) -> OpenCase:
    """Read a predicted case and its labels.

    Parameters
    ----------
    folder, labels : Path
        The case's folder, and its labels.
    classes : sequence of str, optional
        Names of the foreground classes, label 1 first; class_1, ... by default.
    finished_have_marks : bool
        Refuse a case without ``case.json``: its prediction was interrupted.

    Raises
    ------
    DataError
        A file cannot be read, or labels and prediction do not fit.
    """
    case = open_prediction(folder, finished_have_marks=finished_have_marks)
    truth = read_labels(labels, case.geometry)
    n_classes = len(classes) + 1 if classes else case.n_classes
    if n_classes is None:
        n_classes = int(max(truth.max(), case.segmentation.max())) + 1
    names = tuple(classes or (f"class_{index}" for index in range(1, n_classes)))
    return OpenCase(folder, case.segmentation, truth, case.geometry, names, case.probs, case.region_probs)
