"""A simulated CT scan of one patient, slab by slab."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kits23.simulation.intensities import Intensity, draw_intensities
from kits23.simulation.labels import LabelVolume
from kits23.simulation.noise import scanner_noise
from kits23.simulation.organs import box_around, painted_organs
from kits23.simulation.surroundings import draw_surroundings

NOISE_HU = (8.0, 16.0)
"""SD of the noise, a patient's own: as measured in soft tissue of KiTS's slices."""

_SLAB_VALUES = 1 << 22
_HU_RANGE = (-1024, 3071)


@dataclass(frozen=True)
class Scan:
    """What the scanner gives, and how it came about.

    Attributes
    ----------
    hu : array
        int16, shape (z, y, x).
    volume : LabelVolume
        The labels, and where they lie.
    intensities : mapping of int to Intensity
        What was drawn for each label.
    noise_hu : float
        SD of the noise.
    """

    hu: npt.NDArray[np.int16]
    volume: LabelVolume
    intensities: Mapping[int, Intensity]
    noise_hu: float


def simulate_scan(
    volume: LabelVolume,
    seed: tuple[int, int],
    table: Path | None = None,
    *,
    progress: Callable[[float], None] = lambda done: None,
) -> Scan:
    """Simulate the CT that belongs to labels.

    Floating point numbers are held for one slab of slices and for the box around the labels, never for the
    whole volume.

    Parameters
    ----------
    volume : LabelVolume
        Kidney, tumour, cyst.
    seed : tuple of int
        Decides every voxel, together with `volume` and `table`.
    table : path, optional
        See :func:`~kits23.simulation.intensities.draw_intensities`.
    progress : callable
        Told the fraction that is done, now and then.

    Examples
    --------
    >>> from kits23.simulation.labels import phantom_labels
    >>> scan = simulate_scan(phantom_labels(np.random.default_rng(0)), (0, 0))
    >>> scan.hu.shape, scan.hu.dtype
    ((24, 96, 96), dtype('int16'))
    """
    labels, grid = volume.labels, volume.grid
    rng = np.random.default_rng([*seed, 1])
    found = [int(label) for label in np.unique(labels) if label]
    intensities = draw_intensities(rng, found, table)
    noise_hu = float(rng.uniform(*NOISE_HU))
    around = draw_surroundings(rng, grid)
    box = box_around(labels, grid.spacing_mm, rng)
    z_box = box.place[0]
    depth = max(1, _SLAB_VALUES // (grid.shape[1] * grid.shape[2]))
    in_box = [
        around.hu(grid.part(start, stop))[:, box.place[1], box.place[2]]
        for start, stop in _slabs(z_box.start, z_box.start + len(box.labels), depth)
    ]
    organs, _ = painted_organs(np.concatenate(in_box), box, intensities, noise_hu)
    hu = np.empty(grid.shape, np.int16)
    for start, stop in _slabs(0, grid.shape[0], depth):
        slab = around.hu(grid.part(start, stop))
        first, last = max(start, z_box.start), min(stop, z_box.start + len(organs))
        if first < last:
            slab[first - start : last - start, box.place[1], box.place[2]] = organs[
                first - z_box.start : last - z_box.start
            ]
        noise = scanner_noise([*seed, 2], grid.shape[1:], grid.spacing_mm[1:], start, stop)
        for plane, grain in zip(slab, noise, strict=True):
            plane += np.float32(noise_hu) * grain
        hu[start:stop] = np.clip(np.rint(slab), *_HU_RANGE).astype(np.int16)
        progress(stop / grid.shape[0])
    return Scan(hu, volume, intensities, noise_hu)


def _slabs(first: int, last: int, depth: int) -> Iterator[tuple[int, int]]:
    for start in range(first, last, depth):
        yield start, min(start + depth, last)
