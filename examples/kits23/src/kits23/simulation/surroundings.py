"""What lies around the kidneys: skin, fat, muscle, bone, vessels, organs, bowel, lungs, air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ckpt_uq.demo.phantom.anatomy import Tissue, draw_anatomy
from ckpt_uq.demo.phantom.blob import Blob, Floats, waves
from kits23.simulation.fields import SmoothField
from kits23.simulation.grid import ScanGrid

AIR_HU = -1000.0
FAT_HU = -103.0
MUSCLE_HU = 58.0
LUNG_HU = -850.0
GAS_HU = -900.0

_SOFT_MM = 1.2
_TEXTURE_HU = 5.0


@dataclass(frozen=True)
class Surroundings:
    """Everything that has no label.

    Attributes
    ----------
    body : Blob
        The skin.
    wall_mm : tuple of float
        Depths below the skin where the muscles of the wall begin and end.
    tissues : tuple of Tissue
        Painted in this order.
    texture : SmoothField
        What makes one place of an organ a little brighter than another.
    """

    body: Blob
    wall_mm: tuple[float, float]
    tissues: tuple[Tissue, ...]
    texture: SmoothField

    def hu(self, grid: ScanGrid) -> Floats:
        """Intensities on a grid, without noise, as if there were no kidneys."""
        skin = self.body.depth(grid)
        hu = np.full(grid.shape, AIR_HU, np.float32)
        inside, behind = skin - self.wall_mm[0], skin - self.wall_mm[1]
        for depth, filling in ((skin, FAT_HU), (inside, MUSCLE_HU), (behind, FAT_HU)):
            hu = painted(hu, depth, filling)
        for tissue in self.tissues:
            if (found := grid.window(tissue.blob)) is not None:
                place, part = found
                hu[place] = painted(hu[place], np.minimum(tissue.blob.depth(part), inside[place]), tissue.hu)
        texture = np.float32(_TEXTURE_HU) * self.texture.at(grid.axes_mm())
        return np.asarray(hu + np.where(skin > 0, texture, 0), np.float32)


def draw_surroundings(rng: np.random.Generator, grid: ScanGrid) -> Surroundings:
    """One patient's, for a scan on this grid: the phantom's organs, and lungs and gas beside them."""
    anatomy = draw_anatomy(rng)
    ends = [(float(axis[0]), float(axis[-1])) for axis in grid.axes_mm()]
    texture = SmoothField(rng, [low for low, _ in ends], [high for _, high in ends], 8.0)
    tissues = (*anatomy.surroundings, *(_gas(rng) for _ in range(3)), *(_lung(rng, side) for side in (-1, 1)))
    return Surroundings(anatomy.body, anatomy.wall_mm, tissues, texture)


def painted(hu: Floats, depth: Floats, filling: float | Floats) -> Floats:
    """`filling` where depth is positive, fading over a millimetre or so, as partial volume does."""
    part = expit(2 * depth / _SOFT_MM)
    return np.asarray(hu + part * (filling - hu), np.float32)


def _gas(rng: np.random.Generator) -> Tissue:
    centre = (float(rng.normal(0, 40)), float(rng.uniform(-75, -45)), float(rng.uniform(-50, 70)))
    radii = (18.0, float(rng.uniform(4, 9)), float(rng.uniform(7, 15)))
    return Tissue(Blob(centre, radii, 0.0, waves(rng, 0.15)), GAS_HU)


def _lung(rng: np.random.Generator, side: int) -> Tissue:
    centre = (float(rng.normal(-260, 10)), 0.0, side * 82.0)
    return Tissue(Blob(centre, (120.0, 90.0, 68.0), 0.0, waves(rng, 0.05)), LUNG_HU)
