"""A checkout of KiTS23 in small: the same files in the same axes, a handful of voxels each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ckpt_uq.io.nifti import write_volume
from kits23.simulation.grid import ScanGrid

GRID = ScanGrid((4, 6, 8), (5.0, 0.8, 0.8))


def write_case(folder: Path, *, labels: Sequence[int] = (0, 1, 2), grid: ScanGrid = GRID) -> None:
    """One case whose labels take turns."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    write_volume(folder / "imaging.nii.gz", GRID.volume(rng.integers(-200, 200, GRID.shape).astype(np.int16)))
    turns = np.resize(np.array(labels, np.uint8), grid.shape)
    write_volume(folder / "segmentation.nii.gz", grid.volume(turns))


def write_checkout(root: Path, n: int = 8) -> Path:
    for number in range(n):
        write_case(root / f"case_{number:05d}")
    return root
