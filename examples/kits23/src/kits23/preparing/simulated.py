"""Simulated cases: which label volumes they are made from, and making them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ckpt_uq.errors import ArgumentError
from ckpt_uq.io.nifti import write_volume
from kits23.preparing.dataset import image_path, labels_path
from kits23.simulation.intensities import TABLE
from kits23.simulation.labels import (
    FULL,
    FULL_SPACING_MM,
    TINY,
    TINY_SPACING_MM,
    LabelVolume,
    phantom_labels,
    real_labels,
)
from kits23.simulation.scan import simulate_scan
from kits23.work import Work

FOLDER = "kits23_labels"
"""Where the data folder keeps real label volumes."""


@dataclass(frozen=True)
class Source:
    """What one simulated case is made from: a real label volume, or the phantom."""

    name: str
    index: int
    labels: Path | None


def sources(n: int, data: Path | None, kind: str) -> list[Source]:
    """Choose `n` sources: every second one real, as long as there are any, or of one kind alone.

    Parameters
    ----------
    n : int
        How many.
    data : Path or None
        Folder with ``kits23_labels/*.nii.gz``.
    kind : {'both', 'phantom', 'kits23'}
        Which label volumes to take; both are the phantom's alone where there are no data.

    Raises
    ------
    ArgumentError
        The kind is unknown, or real volumes are asked for that are not there.

    Examples
    --------
    >>> [source.name for source in sources(2, None, "both")]
    ['phantom_00000', 'phantom_00001']
    """
    if kind not in ("both", "phantom", "kits23"):
        raise ArgumentError(f"--label-volumes must be both, phantom or kits23, got {kind!r}")
    real = [] if data is None or kind == "phantom" else sorted((data / FOLDER).glob("case_*.nii.gz"))
    if kind == "kits23" and len(real) < n:
        raise ArgumentError(
            f"--simulate must be at most the {len(real)} label volumes in {FOLDER} of the folder that "
            f"CKPT_UQ_DATA names ({data}), got {n}; --label-volumes both fills up with the phantom"
        )
    step = 1 if kind == "kits23" else 2
    chosen = []
    for index in range(n):
        taken = real[index // step] if index % step == 0 and index // step < len(real) else None
        name = f"phantom_{index:05d}" if taken is None else taken.name.removesuffix(".nii.gz")
        chosen.append(Source(name, index, taken))
    return chosen


def table_in(data: Path | None) -> Path | None:
    """The table of real intensities, if it is there."""
    table = None if data is None else data / FOLDER / TABLE
    return table if table is not None and table.is_file() else None


def write_simulated(
    work: Work,
    source: Source,
    *,
    seed: int,
    test: bool,
    full_size: bool,
    table: Path | None,
    progress: Callable[[float], None] = lambda done: None,
) -> dict[str, Any]:
    """Simulate one case and write image and labels; give back what it was made with, plain."""
    scan = simulate_scan(
        label_volume(source, seed, full_size=full_size), (seed, source.index), table, progress=progress
    )
    grid = scan.volume.grid
    write_volume(image_path(work, source.name, test=test), grid.volume(scan.hu))
    write_volume(labels_path(work, source.name, test=test), grid.volume(scan.volume.labels))
    return {
        "labels_from": "phantom" if source.labels is None else source.labels.name,
        "shape_zyx": list(grid.shape),
        "spacing_zyx_mm": [round(step, 4) for step in grid.spacing_mm],
        "noise_hu": round(scan.noise_hu, 2),
        "hu": {
            str(label): {"mean": round(drawn.mean, 2), "stdev": round(drawn.stdev, 2)}
            for label, drawn in scan.intensities.items()
        },
    }


def label_volume(source: Source, seed: int, *, full_size: bool) -> LabelVolume:
    """The labels of a source."""
    if source.labels is not None:
        return real_labels(source.labels, full_size=full_size)
    size = (FULL, FULL_SPACING_MM) if full_size else (TINY, TINY_SPACING_MM)
    return phantom_labels(np.random.default_rng([seed, source.index, 0]), *size)
