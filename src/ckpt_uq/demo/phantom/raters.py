"""Simulated annotators: they agree where a border is sharp and differ where it is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ckpt_uq.demo.phantom.blob import Floats, PhantomGrid
from ckpt_uq.demo.phantom.render import Structure

Labels = npt.NDArray[np.uint8]

HAND_MM = 0.4
FAINT_HU = 35.0


def annotate(
    structures: Sequence[Structure], grid: PhantomGrid, n_raters: int, rng: np.random.Generator
) -> Labels:
    """Label maps of `n_raters` annotators, shape (n_raters, z, y, x).

    Every annotator moves each true surface by a smooth random displacement of their own. Its size is that of
    a steady hand plus the border's softness where the contrast is faint.
    """
    out = np.zeros((n_raters, *grid.shape), dtype=np.uint8)
    for labels in out:
        for structure in structures:
            moved = structure.depth_mm + _displacement_mm(structure, grid, rng)
            labels[moved > 0] = structure.label
    return out


def majority(raters: Labels) -> Labels:
    """Label most annotators chose, voxel by voxel; the smallest such label in a tie."""
    votes = np.stack([(raters == label).sum(axis=0) for label in range(int(raters.max()) + 1)])
    return np.asarray(votes.argmax(axis=0), dtype=np.uint8)


def _displacement_mm(structure: Structure, grid: PhantomGrid, rng: np.random.Generator) -> Floats:
    faint = np.exp(-structure.contrast_hu / FAINT_HU)
    size = HAND_MM + structure.softness_mm * (0.1 + 0.45 * faint)
    habit = rng.normal(0, 0.4)
    return np.asarray(size * (habit + grid.smooth_field(rng, 9.0)), dtype=np.float32)
