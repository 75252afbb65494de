"""Folders of saved member probabilities, as nnU-Net would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

AFFINE = np.array([[-0.8, 0, 0, 100], [0, 0.8, 0, -50], [0, 0, 3.0, 7.5], [0, 0, 0, 1.0]])


def softmax_noise(shape, seed: int) -> np.ndarray:
    """Class probabilities (C, z, y, x): a blob of every class, and noise; sums are 1 to rounding."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=shape)
    for index in range(shape[0]):
        centre = rng.uniform(0.2, 0.8, 3) * shape[1:]
        axes = np.ogrid[tuple(map(slice, shape[1:]))]
        radius = sum((axis - c) ** 2 / n**2 for axis, c, n in zip(axes, centre, shape[1:], strict=True))
        logits[index] += 6 * np.exp(-20 * radius)
    probs = np.exp(logits)
    return probs / probs.sum(0)


def save_case(
    folder: Path, case: str, probs: np.ndarray, *, affine: np.ndarray = AFFINE, key: str = "probabilities"
) -> None:
    """One member's CASE.npz and CASE.nii.gz, and a CASE.pkl that is no pickle."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{case}.npz", **{key: probs})
    labels = nib.Nifti1Image(probs.argmax(0).astype(np.uint8).T, affine)
    labels.header["descrip"] = b"from elsewhere"
    labels.to_filename(folder / f"{case}.nii.gz")
    (folder / f"{case}.pkl").write_bytes(b"never opened")


def save_members(
    root: Path,
    cases: Sequence[str] = ("a",),
    *,
    n_members: int = 3,
    shape: tuple[int, ...] = (3, 5, 12, 14),
    dtype: str = "float32",
    affine: np.ndarray = AFFINE,
) -> dict[str, list[np.ndarray]]:
    """Members' folders ``member_0`` ... of a cohort; returns what was saved, by case."""
    saved: dict[str, list[np.ndarray]] = {case: [] for case in cases}
    for index in range(n_members):
        for number, case in enumerate(cases):
            probs = softmax_noise(shape, 100 * number + index).astype(dtype)
            save_case(root / f"member_{index}", case, probs, affine=affine)
            saved[case].append(probs)
    return saved


def folders(root: Path) -> list[Path]:
    """The members' folders."""
    return sorted(root.glob("member_*"))
