"""Which slice of a volume to show, and which way up: as a radiologist expects it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_TOWARDS = ("L", "P", "I")
_PLANES = ("sagittal", "coronal", "axial")
_FEW_PIXELS = 8
_SIDES = {"sagittal": ("A", "S"), "coronal": ("R", "S"), "axial": ("R", "A")}


@dataclass(frozen=True)
class Display:
    """How the slices of a grid are shown: patient's right on the left, anterior or superior on top.

    Attributes
    ----------
    turn : array
        nibabel's orientation transform from the file's axes to left, posterior, inferior.
    axis : int
        The axis of the turned volume across which slices lie: that of the widest spacing, the third on a tie.
        Where its slices would be strips of a few pixels, that with the fewest slices.
    pixel_mm : tuple of float
        Height and width of a pixel.
    """

    turn: Array
    axis: int
    pixel_mm: tuple[float, float]

    @property
    def plane(self) -> str:
        """``'sagittal'``, ``'coronal'`` or ``'axial'``."""
        return _PLANES[self.axis]

    @property
    def sides(self) -> tuple[str, str]:
        """Letters of the directions at the left edge and on top."""
        return _SIDES[self.plane]

    def slices(self, data: Array) -> Array:
        """Stack of slices (n, rows, columns) of a volume with axes (z, y, x)."""
        turned = nib.orientations.apply_orientation(data.T, self.turn)
        across = np.moveaxis(turned, self.axis, 0)
        return np.swapaxes(across, 1, 2)


def display_of(affine: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Display:
    """How to show a grid of this NIfTI affine and shape (z, y, x).

    Examples
    --------
    >>> display = display_of(np.diag([1.0, 1.0, 5.0, 1.0]), (20, 64, 64))
    >>> display.plane, display.sides, display.slices(np.zeros((2, 3, 4))).shape
    ('axial', ('R', 'A'), (2, 3, 4))
    """
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(_TOWARDS)
    )
    spacing, extent = np.empty(3), np.empty(3, int)
    to = turn[:, 0].astype(int)
    spacing[to], extent[to] = np.linalg.norm(affine[:3, :3], axis=0), shape[::-1]
    axis = int(np.flatnonzero(spacing >= spacing.max() * (1 - 1e-4))[-1])
    if np.delete(extent, axis).min() < _FEW_PIXELS:
        axis = int(np.flatnonzero(extent == extent.min())[-1])
    column, row = np.delete(spacing, axis)
    return Display(turn, axis, (float(row), float(column)))
