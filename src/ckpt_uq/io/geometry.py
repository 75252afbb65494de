"""Where a grid lies in space, and whether two grids lie in the same place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

#: Corners may differ by this much: headers hold single precision, and quaternions lose a little more.
TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class Geometry:
    """A grid and its place.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x), slices first.
    affine : array
        Shape (4, 4): voxel (x, y, z) to mm, as NIfTI has it.
    header : nibabel header, optional
        That of the file it was read from.

    Examples
    --------
    >>> here, there = Geometry((2, 3, 4), np.eye(4)), Geometry((2, 3, 5), np.eye(4))
    >>> here.difference(there)
    'shape (2, 3, 4) against (2, 3, 5)'
    """

    shape: tuple[int, ...]
    affine: npt.NDArray[np.float64]
    header: Any = None

    def difference(self, other: Geometry) -> str | None:
        """Say in what another geometry differs, with both values; None when it does not."""
        if self.shape != other.shape:
            return f"shape {self.shape} against {other.shape}"
        if np.abs(self._corners() - other._corners()).max() > TOLERANCE_MM:
            return f"affine {_rows(self.affine)} against {_rows(other.affine)}"
        return None

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance between neighbouring voxels in mm, along the axes of `shape`."""
        steps = np.linalg.norm(self.affine[:3, :3], axis=0)[::-1]
        return tuple(float(step) for step in steps)

    @property
    def axial_axis(self) -> int:
        """The axis of `shape` that runs nearest to head and feet, along which axial slices follow."""
        directions = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return 2 - int(np.abs(directions[2]).argmax())

    def _corners(self) -> npt.NDArray[np.float64]:
        voxels = np.array([(*corner, 1) for corner in product(*((0, n - 1) for n in reversed(self.shape)))])
        corners: npt.NDArray[np.float64] = voxels @ self.affine[:3].T
        return corners


def _rows(affine: npt.NDArray[np.float64]) -> str:
    return str([[round(float(value), 4) for value in row] for row in affine[:3]])
