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


def display_of(affine: npt.NDArray[np.float64]) -> Display:
    """How to show a grid whose NIfTI affine this is.

    Examples
    --------
    >>> display = display_of(np.diag([1.0, 1.0, 5.0, 1.0]))
    >>> display.plane, display.sides, display.slices(np.zeros((2, 3, 4))).shape
    ('axial', ('R', 'A'), (2, 3, 4))
    """
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(_TOWARDS)
    )
    spacing = np.empty(3)
    spacing[turn[:, 0].astype(int)] = np.linalg.norm(affine[:3, :3], axis=0)
    axis = int(np.flatnonzero(spacing >= spacing.max() * (1 - 1e-4))[-1])
    column, row = np.delete(spacing, axis)
    return Display(turn, axis, (float(row), float(column)))
