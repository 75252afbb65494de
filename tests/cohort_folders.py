"""A cohort on disk, as ``predict --save-probs`` leaves it, with the arrays that it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ckpt_uq.io.probabilities_writer import probabilities_writer
from ckpt_uq.io.scores_csv import write_scores
from ckpt_uq.io.volume import Volume, write_volume
from ckpt_uq.maps import predictive_entropy

AFFINE = np.diag([1.0, 1.5, 3.0, 1.0])  # x, y, z
SPACING = (3.0, 1.5, 1.0)
SHAPE = (5, 14, 16)
N_CLASSES = 3


@dataclass(frozen=True)
class CohortFolder:
    """Where things are, and by case the probabilities as saved (C, z, y, x) and the truth."""

    predictions: Path
    labels: Path
    raters: Path
    probs: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]

    def segmentation(self, case: str) -> np.ndarray:
        return self.probs[case].argmax(axis=0)


def organ(shift: int) -> np.ndarray:
    """An organ (1) with a lesion (2) in it."""
    z, y, x = np.indices(SHAPE)
    middle = [(n - 1) / 2 for n in SHAPE]
    organ = np.hypot(y - middle[1], x - middle[2] - shift) + np.abs(z - middle[0]) < 5.5
    lesion = np.hypot(y - middle[1] - 1, x - middle[2] - shift) + np.abs(z - middle[0]) < 2.5
    return (organ.astype(np.uint8) + lesion).astype(np.uint8)


def write_cohort(folder: Path, n_cases: int = 4, seed: int = 0, mislabelled: float = 0.0) -> CohortFolder:
    """Cases that grow worse and less sure with their number."""
    found = CohortFolder(folder / "predictions", folder / "labels", folder / "raters", {}, {})
    found.labels.mkdir(parents=True)
    found.raters.mkdir()
    scores = {}
    for index in range(n_cases):
        name, rng = f"case{index}", np.random.default_rng(seed + index)
        truth = organ(index % 2)
        logits = 4.0 * (truth == np.arange(N_CLASSES)[:, None, None, None])
        logits = logits / (1 + index / 3) + rng.normal(0, 0.7 + index / 3, (N_CLASSES, *SHAPE))
        probs = np.exp(logits - logits.max(axis=0))
        probs = (probs / probs.sum(axis=0)).astype(np.float16).astype(np.float32)
        truth = np.where(rng.random(SHAPE) < mislabelled, (truth + 1) % N_CLASSES, truth).astype(np.uint8)
        found.probs[name], found.truth[name] = probs, truth
        case = found.predictions / "cases" / name
        case.mkdir(parents=True)
        write_volume(case / "segmentation.nii.gz", Volume(probs.argmax(axis=0).astype(np.uint8), AFFINE))
        write_volume(case / "entropy.nii.gz", Volume(entropy(probs), AFFINE))
        with probabilities_writer(case / "mean_probs.npz", probs.shape) as write:
            write(probs)
        write_volume(found.labels / f"{name}.nii.gz", Volume(truth, AFFINE))
        raters = np.stack([truth, np.roll(truth, 1, axis=1), np.roll(truth, 1, axis=2)])
        np.savez(found.raters / f"{name}.npz", raters=raters)
        mean = float(entropy(probs).mean(dtype=np.float64))
        scores[name] = {"contour_score_class_2": 2 * mean, "mean_entropy_bits": mean}
    write_scores(found.predictions / "scores.csv", scores)
    return found


def entropy(probs: np.ndarray) -> np.ndarray:
    """Of the probabilities, which half precision keeps from adding up to quite 1."""
    return predictive_entropy(probs).astype(np.float32)
