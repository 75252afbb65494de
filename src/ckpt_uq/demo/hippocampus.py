"""Hippocampus MR volumes of the Medical Segmentation Decathlon, Task04."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ckpt_uq.demo.cases import Case
from ckpt_uq.errors import DataError
from ckpt_uq.io.nifti import read_volume


def hippocampus_cases(folder: Path) -> list[Case]:
    """Every volume of ``folder/images`` with its labels: 0 background, 1 anterior, 2 posterior."""
    paths = sorted((folder / "images").glob("*.nii.gz"))
    if not paths:
        raise DataError(f"{folder / 'images'} must hold *.nii.gz volumes, found none")
    return [_case(path, folder / "labels" / path.name) for path in paths]


def _case(image_path: Path, label_path: Path) -> Case:
    image, labels = read_volume(image_path), read_volume(label_path)
    if image.data.shape != labels.data.shape:
        raise DataError(
            f"{label_path} must have its image's shape {image.data.shape}, got {labels.data.shape}"
        )
    name = image_path.name.removesuffix(".nii.gz")
    return Case(
        name=name,
        image=image.data.astype(np.float32),
        labels=labels.data.astype(np.uint8),
        affine=image.affine,
        header=image.header,
    )
