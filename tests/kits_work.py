"""A folder WORK as prepare and predict leave it, in small: tests of what comes after need no training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from ckpt_uq.combining.cohort import combine_cohort
from ckpt_uq.io.nifti import write_volume
from kits23.preparing.dataset import finish_dataset, image_path, labels_path, start_dataset
from kits23.preparing.split import split_cases
from kits23.simulation.labels import LabelVolume, phantom_labels
from kits23.simulation.scan import simulate_scan
from kits23.work import Work

SHAPE, SPACING_MM = (10, 40, 52), (11.0, 7.0, 7.0)
NAMES = tuple(f"phantom_{index:05d}" for index in range(12))


def make_work(root: Path, systems: Sequence[tuple[str, float]] = (("rel_unet", 0.0),)) -> Work:
    """Twelve cases, four to test, predicted by systems that are wrong by so many voxels."""
    work, split = Work(root), split_cases(NAMES)
    start_dataset(work, overwrite=False)
    for index, name in enumerate(NAMES):
        volume = phantom_labels(np.random.default_rng([3, index]), SHAPE, SPACING_MM)
        test = name in split.test
        write_volume(labels_path(work, name, test=test), volume.grid.volume(volume.labels))
        if test:
            scan = simulate_scan(volume, (3, index))
            write_volume(image_path(work, name, test=test), volume.grid.volume(scan.hu))
            for system, error in systems:
                write_members(root / "members" / system, name, volume, error + 0.3 * (index % 4))
    said = {"source": "simulated CT", "split": "paper", "seed": 0}
    finish_dataset(work, split, "per-case", said)
    for system, _ in systems:
        combine_system(work, root / "members" / system, system)
    return work


def combine_system(work: Work, members: Path, system: str) -> None:
    folders = sorted(members.iterdir())
    outcome = combine_cohort(folders, work.predictions / system, save_probs=True)
    assert not outcome.failed


def write_members(folder: Path, name: str, volume: LabelVolume, error: float, n: int = 3) -> None:
    """What members would have saved: softened labels, each shifted its own way, in half precision."""
    rng = np.random.default_rng([int(10 * error), len(name)])
    for index in range(n):
        write_member(folder / f"member_{index}", name, volume, member_probs(volume.labels, error, rng))


def member_probs(
    labels: npt.NDArray[np.uint8], error: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    shift = np.round(rng.normal(0, error, 2)).astype(int)
    moved = np.roll(labels, shift, (1, 2))
    soft = np.stack([gaussian_filter((moved == k).astype(float), 0.4 + 0.3 * error) for k in range(4)])
    logits = 6 * soft + rng.normal(0, 0.1, soft.shape)
    odds = np.exp(logits - logits.max(axis=0))
    odds[odds < 0.004] = 0  # a trained network is often sure to the last digit
    return np.asarray(odds / odds.sum(axis=0))


def write_member(folder: Path, name: str, volume: LabelVolume, probs: npt.NDArray[np.float64]) -> None:
    """As nnU-Net saves a case: CASE.npz beside CASE.nii.gz, the array's axes reversed."""
    folder.mkdir(parents=True, exist_ok=True)
    in_file = np.ascontiguousarray(np.transpose(probs, (0, 3, 2, 1))).astype(np.float16)
    np.savez_compressed(folder / f"{name}.npz", probabilities=in_file)
    write_volume(folder / f"{name}.nii.gz", volume.grid.volume(probs.argmax(axis=0).astype(np.uint8)))
