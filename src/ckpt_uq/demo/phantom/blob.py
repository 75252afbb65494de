"""The one shape the phantom is made of, and the grid it is sampled on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Floats = npt.NDArray[np.float32]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class PhantomGrid:
    """Where the phantom is sampled.

    Parameters
    ----------
    shape : tuple of int
        Slices, rows, columns: (z, y, x).
    spacing_mm : tuple of float
        The same order. The field of view should be about 290 x 380 mm in-plane to hold a body.
    """

    shape: tuple[int, int, int] = (4, 72, 96)
    spacing_mm: Point = (6.0, 4.0, 4.0)

    def coordinates_mm(self) -> tuple[Floats, Floats, Floats]:
        """Positions z, y, x in mm from the centre of the grid, shaped to broadcast to `shape`."""
        axes = (
            ((np.arange(n) - (n - 1) / 2) * step).astype(np.float32)
            for n, step in zip(self.shape, self.spacing_mm, strict=True)
        )
        z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
        return z, y, x

    def affine(self) -> npt.NDArray[np.float64]:
        """NIfTI affine (4, 4) of the grid: voxel (x, y, z) to mm; x runs to the left, y to the back."""
        step = np.array(self.spacing_mm[::-1]) * (-1, -1, 1)
        middle = (np.array(self.shape[::-1]) - 1) / 2
        affine = np.diag([*step, 1.0])
        affine[:3, 3] = -step * middle
        return affine

    def smooth_field(self, rng: np.random.Generator, correlation_mm: float) -> Floats:
        """Gaussian random field with unit variance, smooth over `correlation_mm`."""
        sigma = [correlation_mm / step for step in self.spacing_mm]
        field = gaussian_filter(rng.standard_normal(self.shape, dtype=np.float32), sigma, mode="wrap")
        return np.asarray((field - field.mean()) / (field.std() + 1e-6), dtype=np.float32)


@dataclass(frozen=True)
class Wave:
    """A ripple of a blob's surface: `amplitude` of the radius, `order` times around."""

    order: int
    amplitude: float
    phase: float


@dataclass(frozen=True)
class Blob:
    """An ellipsoid with a waving surface.

    Parameters
    ----------
    centre, radii : tuple of float
        mm, in the order z, y, x.
    turn : float
        In-plane rotation in radians.
    waves : tuple of Wave
        Ripples around the in-plane angle.
    """

    centre: Point
    radii: Point
    turn: float = 0.0
    waves: tuple[Wave, ...] = ()

    def depth(self, grid: PhantomGrid) -> Floats:
        """Depth below the surface in mm, negative outside; a distance near the surface only."""
        z, y, x = grid.coordinates_mm()
        dz, dy, dx = z - self.centre[0], y - self.centre[1], x - self.centre[2]
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        v = (dy * cos - dx * sin) / self.radii[1]
        u = (dy * sin + dx * cos) / self.radii[2]
        angle = np.arctan2(v, u)
        surface = 1.0 + sum(w.amplitude * np.cos(w.order * angle + w.phase) for w in self.waves)
        radius = np.sqrt(u**2 + v**2 + (dz / self.radii[0]) ** 2)
        depth = (surface - radius) * np.sqrt(self.radii[1] * self.radii[2])
        return np.broadcast_to(depth, grid.shape).astype(np.float32)


def waves(rng: np.random.Generator, amplitude: float) -> tuple[Wave, ...]:
    """Three random ripples, finer ones weaker."""
    return tuple(
        Wave(order, amplitude * rng.uniform(0.3, 1.0) / (order - 1), rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 5)
    )
