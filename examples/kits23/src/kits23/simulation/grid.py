"""Where the voxels of a simulated scan lie."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ckpt_uq.demo.phantom.blob import Blob, Floats, PhantomGrid, Point
from ckpt_uq.io.volume import Volume

_REACH = 1.4
_EDGE_MM = 6.0
"""A blob's ripples and its soft border reach no further than so many radii, and these millimetres."""


@dataclass(frozen=True)
class ScanGrid(PhantomGrid):
    """A grid of voxels, in the frame of a patient whose kidneys lie where the phantom's do.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x), towards feet, back and left.
    spacing_mm : tuple of float
        The same order.
    origin_mm : tuple of float
        Position of the first voxel in the patient's frame, whose zero lies before the spine at the height of
        the kidneys.
    scale : float
        Size of the patient in the plane, 1 for the phantom's.
    """

    origin_mm: Point = (0.0, 0.0, 0.0)
    scale: float = 1.0

    def axes_mm(self) -> tuple[Floats, Floats, Floats]:
        """Positions of the voxels along each axis, in mm of the patient's frame."""
        z, y, x = (
            (np.arange(n, dtype=np.float64) * step + start).astype(np.float32)
            for n, step, start in zip(self.shape, self.spacing_mm, self.origin_mm, strict=True)
        )
        return z, y, x

    def coordinates_mm(self) -> tuple[Floats, Floats, Floats]:
        """Positions z, y, x, brought to the phantom's size, shaped to broadcast to `shape`."""
        z, y, x = self.axes_mm()
        return z[:, None, None], y[None, :, None] / self.scale, x[None, None, :] / self.scale

    def part(self, start: int, stop: int) -> ScanGrid:
        """The slices from `start` to `stop`.

        Examples
        --------
        >>> ScanGrid((9, 4, 4), (5.0, 1.0, 1.0)).part(2, 4).axes_mm()[0]
        array([10., 15.], dtype=float32)
        """
        z, y, x = self.origin_mm
        return replace(
            self,
            shape=(stop - start, *self.shape[1:]),
            origin_mm=(z + start * self.spacing_mm[0], y, x),
        )

    def window(self, blob: Blob) -> tuple[tuple[slice, slice, slice], ScanGrid] | None:
        """Where a blob can be, and the grid there; None if it lies outside."""
        in_plane = self.scale * max(blob.radii[1:])
        reach = (blob.radii[0], in_plane, in_plane)
        centre = (blob.centre[0], self.scale * blob.centre[1], self.scale * blob.centre[2])
        place = []
        for axis, middle, radius in zip(self.axes_mm(), centre, reach, strict=True):
            near = np.flatnonzero(np.abs(axis - middle) <= _REACH * radius + _EDGE_MM)
            if not len(near):
                return None
            place.append(slice(int(near[0]), int(near[-1]) + 1))
        z, y, x = place
        first_z, first_y, first_x = (
            start + part.start * step
            for start, part, step in zip(self.origin_mm, place, self.spacing_mm, strict=True)
        )
        shape = (z.stop - z.start, y.stop - y.start, x.stop - x.start)
        return (z, y, x), replace(self, shape=shape, origin_mm=(first_z, first_y, first_x))

    def affine(self) -> npt.NDArray[np.float64]:
        """NIfTI affine (4, 4) as KiTS23 has it: the file's axes are z, y, x, towards feet, back and left."""
        z, y, x = self.spacing_mm
        affine = np.array([[0, 0, -x, 0], [0, -y, 0, 0], [-z, 0, 0, 0], [0, 0, 0, 1.0]])
        affine[:3, 3] = [-self.origin_mm[2], -self.origin_mm[1], -self.origin_mm[0]]
        return affine

    def volume(self, data: npt.NDArray[np.generic]) -> Volume:
        """The array (z, y, x) as a volume, whose axes are the file's reversed: (x, y, z)."""
        return Volume(np.ascontiguousarray(data.T), self.affine())
