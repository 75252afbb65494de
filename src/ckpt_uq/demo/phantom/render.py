"""From anatomy to intensities: tissue over tissue, borders from sharp to lost, then the scanner's noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ckpt_uq.demo.phantom.anatomy import Anatomy, Kidney
from ckpt_uq.demo.phantom.blob import Blob, Floats, PhantomGrid

FAT_HU = -100.0
MUSCLE_HU = 58.0
AIR_HU = -1000.0

# KiTS23, all 489 cases: mean over cases of the label's mean HU, and the SD of those means.
KIDNEY_HU = (111.0, 33.0)
TUMOUR_HU = (77.0, 35.0)
CYST_HU = (37.0, 27.0)

SHARP_MM = 1.2
LOST_MM = 7.0


@dataclass(frozen=True)
class Structure:
    """A labelled structure as an annotator meets it.

    Attributes
    ----------
    label : int
        1 kidney, 2 tumour, 3 cyst.
    depth_mm : array
        Depth below its true surface, negative outside.
    softness_mm : array
        Width over which its border fades in the image.
    contrast_hu : array
        How far its intensity stands from what surrounds it.
    """

    label: int
    depth_mm: Floats
    softness_mm: Floats
    contrast_hu: Floats


def render(anatomy: Anatomy, grid: PhantomGrid, rng: np.random.Generator) -> tuple[Floats, list[Structure]]:
    """Image in HU without noise, and the labelled structures in the order they were painted."""
    hu = _surroundings(anatomy, grid, rng)
    structures = []
    kidney_hu = float(np.clip(rng.normal(*KIDNEY_HU), 50, 190))
    for kidney in anatomy.kidneys:
        hu = _over(hu, kidney.body.depth(grid) + rng.uniform(1, 7), FAT_HU)
        depth = _parenchyma_depth(kidney, grid)
        filling = _cortex_and_medulla(kidney, kidney_hu, grid, rng)
        hu, structure = _paint(hu, 1, depth, filling, np.full_like(depth, SHARP_MM))
        structures.append(structure)
    # A mass enhances with its kidney in part: half of the kidney's deviation, the rest its own.
    tumour_hu = TUMOUR_HU[0] + 0.5 * (kidney_hu - KIDNEY_HU[0]) + rng.normal(0, 24)
    masses: list[tuple[int, Blob, float, float, float]] = [
        *((3, blob, rng.normal(*CYST_HU), 10.0, 0.35) for blob in anatomy.cysts),
        *((2, blob, np.clip(tumour_hu, 15, 160), 24.0, 1.0) for blob in anatomy.tumours),
    ]
    for label, blob, mean, texture, lost in masses:
        filling = mean + texture * grid.smooth_field(rng, 6.0)
        faded = expit(1.5 * grid.smooth_field(rng, 14.0))
        softness = SHARP_MM + lost * (LOST_MM - SHARP_MM) * faded
        hu, structure = _paint(hu, label, blob.depth(grid), filling, softness)
        structures.append(structure)
    return hu, structures


def scan(hu: Floats, grid: PhantomGrid, rng: np.random.Generator) -> Floats:
    """Add the noise of a CT: correlated over neighbouring pixels, its level the patient's own."""
    level = rng.uniform(16, 32)
    noise = level * grid.smooth_field(rng, 0.75 * grid.spacing_mm[1])
    return np.clip(hu + noise, -1024, 3071)


def _surroundings(anatomy: Anatomy, grid: PhantomGrid, rng: np.random.Generator) -> Floats:
    skin = anatomy.body.depth(grid)
    hu = _over(np.full(grid.shape, AIR_HU, dtype=np.float32), skin, FAT_HU)
    wall, cavity = anatomy.wall_mm
    hu = _over(hu, skin - wall, MUSCLE_HU)
    hu = _over(hu, skin - cavity, FAT_HU)
    for tissue in anatomy.surroundings:
        hu = _over(hu, np.minimum(tissue.blob.depth(grid), skin - wall), tissue.hu)
    return hu + 8 * grid.smooth_field(rng, 8.0)


def _over(hu: Floats, depth: Floats, filling: float | Floats, softness: float | Floats = SHARP_MM) -> Floats:
    """Paint `filling` where depth is positive, fading over `softness` mm as partial volume does."""
    part = expit(2 * depth / softness)
    return np.asarray(hu + part * (filling - hu), dtype=np.float32)


def _paint(
    hu: Floats, label: int, depth: Floats, filling: Floats, softness: Floats
) -> tuple[Floats, Structure]:
    return _over(hu, depth, filling, softness), Structure(label, depth, softness, np.abs(filling - hu))


def _parenchyma_depth(kidney: Kidney, grid: PhantomGrid) -> Floats:
    return np.minimum(kidney.body.depth(grid), -kidney.sinus.depth(grid))


def _cortex_and_medulla(kidney: Kidney, mean: float, grid: PhantomGrid, rng: np.random.Generator) -> Floats:
    """Bright rim and darker pyramids; how much darker depends on when the scan was taken."""
    below_rim = expit((kidney.body.depth(grid) - rng.uniform(6, 10)) / 1.5)
    pyramids = expit(3 * grid.smooth_field(rng, 6.0))
    drop = rng.uniform(10, 140)
    return np.asarray(mean + 0.35 * drop - drop * below_rim * pyramids, dtype=np.float32)
