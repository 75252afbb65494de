"""Label volumes to simulate from: the phantom's, and real ones of KiTS23."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ckpt_uq.demo.phantom.anatomy import draw_anatomy
from ckpt_uq.demo.phantom.blob import Point
from ckpt_uq.errors import DataError
from ckpt_uq.io.nifti import read_volume
from kits23.simulation.grid import ScanGrid

Labels = npt.NDArray[np.uint8]
Shape = tuple[int, int, int]
Indices = npt.NDArray[np.intp]

TINY: Shape = (24, 96, 96)
"""Slices, rows and columns of a cropped scan: enough for both kidneys, coarsely."""

TINY_SPACING_MM: Point = (5.0, 3.7, 3.7)
FULL: Shape = (120, 512, 512)
FULL_SPACING_MM: Point = (3.0, 0.75, 0.75)
_KIDNEYS_APART_MM = 204.0
"""Width of the box around the phantom's kidneys."""
_ONE_KIDNEY_MM = 110.0
"""A box that is not wider holds one kidney."""
_KIDNEYS_Y_MM = 34.0
_MARGIN = 1.15


@dataclass(frozen=True)
class LabelVolume:
    """Labels 0 to 3, shape (z, y, x), and where they lie in the patient."""

    labels: Labels
    grid: ScanGrid


def phantom_labels(
    rng: np.random.Generator, shape: Shape = TINY, spacing_mm: Point = TINY_SPACING_MM
) -> LabelVolume:
    """Two kidneys, a tumour in nearly all, cysts in half of the patients.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the anatomy, and spacings within 7 % of `spacing_mm`.
    shape, spacing_mm : tuple
        (z, y, x); small and coarse by default, FULL and FULL_SPACING_MM for a whole scan.

    Examples
    --------
    >>> volume = phantom_labels(np.random.default_rng(0))
    >>> volume.labels.shape, np.unique(volume.labels).tolist()
    ((24, 96, 96), [0, 1, 2])
    """
    z, in_plane, _ = (float(step * rng.uniform(0.93, 1.07)) for step in spacing_mm)
    grid = _centred(ScanGrid(shape, (z, in_plane, in_plane)))
    anatomy = draw_anatomy(rng)
    labels = np.zeros(shape, np.uint8)
    for kidney in anatomy.kidneys:
        labels[(kidney.body.depth(grid) > 0) & (kidney.sinus.depth(grid) < 0)] = 1
    for label, blobs in ((3, anatomy.cysts), (2, anatomy.tumours)):
        for blob in blobs:
            labels[blob.depth(grid) > 0] = label
    return LabelVolume(labels, grid)


def real_labels(path: Path, *, full_size: bool = False) -> LabelVolume:
    """Labels of a KiTS23 case: as they are, or every few voxels of them around the masses.

    Parameters
    ----------
    path : Path
        NIfTI in KiTS23's axes: (z, y, x) towards feet, back and left.
    full_size : bool
        Keep the whole grid.

    Raises
    ------
    DataError
        The file cannot be read, has other axes, or no kidney.
    """
    volume = read_volume(path)
    labels = np.ascontiguousarray(volume.data.T).astype(np.uint8)
    spacing = _spacing_of(volume.affine, path)
    if not (labels > 0).any():
        raise DataError(f"{path} must have a kidney, label 1, found background only")
    if not full_size:
        labels, spacing = _cropped(labels, spacing)
    return LabelVolume(labels, _placed(labels, spacing))


def _spacing_of(affine: npt.NDArray[np.float64], path: Path) -> Point:
    """Spacing along (z, y, x), if these are the file's axes in KiTS23's directions."""
    along = -affine[[2, 1, 0], [0, 1, 2]]
    if not (along > 0).all() or np.abs(affine[:3, :3]).sum() - along.sum() > 1e-3 * along.sum():
        raise DataError(
            f"{path} must have its axes towards feet, back and left, as KiTS23's files do, got the affine "
            f"{affine[:3].tolist()}"
        )
    z, y, x = (float(step) for step in along)
    return z, y, x


def _cropped(labels: Labels, spacing: Point) -> tuple[Labels, Point]:
    """Every so many voxels, TINY of them: all of both kidneys in the plane, slices around the masses."""
    first, last = _extent(labels > 0, spacing)
    size = last - first
    in_plane = int(np.ceil(max(size[1:]) * _MARGIN / TINY[1]))
    steps = max(1, round(size[0] / TINY[0])), in_plane, in_plane
    masses = np.argwhere(labels > 1 if (labels > 1).any() else labels > 0)
    middle = ((first + last) // 2).tolist()
    middle[0] = int(np.clip(masses[:, 0].mean(), first[0], last[0]))
    middle[1] -= round(30.0 / spacing[1])  # the belly lies before the kidneys
    index = [
        np.arange(n) * step + centre - n * step // 2
        for n, step, centre in zip(TINY, steps, middle, strict=True)
    ]
    inside = [(at >= 0) & (at < n) for at, n in zip(index, labels.shape, strict=True)]
    taken = labels[np.ix_(*(np.clip(at, 0, n - 1) for at, n in zip(index, labels.shape, strict=True)))]
    in_z, in_y, in_x = inside
    taken = np.where(in_z[:, None, None] & in_y[:, None] & in_x, taken, np.uint8(0))
    z, y, x = (float(step * n) for step, n in zip(spacing, steps, strict=True))
    return taken, (z, y, x)


def _extent(mask: npt.NDArray[np.bool_], spacing: Point) -> tuple[Indices, Indices]:
    """First voxel of both kidneys along each axis, and the one after the last.

    Where there is one kidney only, the other is taken to be missing on the other side of the scan's middle.
    """
    found = np.argwhere(mask)
    first, last = found.min(axis=0), found.max(axis=0) + 1
    if (last[2] - first[2]) * spacing[2] < _ONE_KIDNEY_MM:
        middle = mask.shape[2] // 2
        reach = max(middle - first[2], last[2] - middle)
        first[2], last[2] = middle - reach, middle + reach
    return first, last


def _placed(labels: Labels, spacing: Point) -> ScanGrid:
    """The grid, in the frame of a patient whose kidneys these are."""
    first, last = _extent(labels == 1 if (labels == 1).any() else labels > 0, spacing)
    middle = (first + last - 1) / 2 * spacing
    scale = float(np.clip((last[2] - first[2]) * spacing[2] / _KIDNEYS_APART_MM, 0.85, 1.25))
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    origin = (-float(middle[0]), _KIDNEYS_Y_MM * scale - float(middle[1]), -float(middle[2]))
    return ScanGrid(shape, spacing, origin, scale)


def _centred(grid: ScanGrid) -> ScanGrid:
    z, y, x = (-(n - 1) / 2 * step for n, step in zip(grid.shape, grid.spacing_mm, strict=True))
    return ScanGrid(grid.shape, grid.spacing_mm, (z, y, x))
