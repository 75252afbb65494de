"""A data set that nnU-Net plans and trains in seconds: ellipsoids in noise, of two classes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

NAME = "Dataset001_Tiny"
SPACING = (4.0, 1.6, 1.5)
"""Slices follow each other along NIfTI's first axis, as in KiTS23, so nnU-Net turns the axes."""


def write_dataset(raw: Path, n_train: int = 6, n_test: int = 2) -> Path:
    """Write ``raw/Dataset001_Tiny`` and give its path back."""
    folder = raw / NAME
    for part in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
        (folder / part).mkdir(parents=True)
    for index in range(n_train + n_test):
        part = "Tr" if index < n_train else "Ts"
        image, labels, affine = case(index)
        nib.Nifti1Image(image, affine).to_filename(folder / f"images{part}/case_{index}_0000.nii.gz")
        nib.Nifti1Image(labels, affine).to_filename(folder / f"labels{part}/case_{index}.nii.gz")
    description = {
        "channel_names": {"0": "simulated"},
        "labels": {"background": 0, "organ": 1, "lesion": 2},
        "numTraining": n_train,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def case(index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Image, labels and affine of one case; sizes and spacings differ, a margin is empty."""
    rng = np.random.default_rng(index)
    shape = (10 + index % 3, 40 + 2 * (index % 4), 44)
    spacing = np.array(SPACING) * (1, 1 + 0.1 * (index % 2), 1)
    places = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) * spacing
    centre = np.array(shape) * spacing / 2 + rng.uniform(-3, 3, 3)
    organ = np.linalg.norm((places - centre) / (14, 18, 15), axis=-1) < 1
    lesion = organ & (np.linalg.norm(places - centre - rng.uniform(-6, 6, 3), axis=-1) < 7)
    labels = organ.astype(np.uint8) + lesion
    image = 40 + 60 * organ - 30 * lesion + rng.normal(0, 12, shape)
    image[:, :4] = image[:, -3:] = 0  # nothing was measured here
    image[:1] = 0
    affine = np.eye(4)
    affine[:3, :3] = np.diag(-spacing)[::-1]  # from head to feet first, as in KiTS23
    affine[:3, 3] = rng.uniform(-50, 50, 3)
    return image.astype(np.float32), labels, affine
