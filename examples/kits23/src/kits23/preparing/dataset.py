"""The data set as nnU-Net reads it, and what is said about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.atomic import atomic_path, write_bytes_atomic
from ckpt_uq.io.json_file import write_json
from kits23.preparing.split import Split
from kits23.work import CLASSES, DATASET, Work

CHANNELS = {"per-case": "zscore", "ct": "CT"}
"""nnU-Net goes by the channel's name: CT is clipped and scaled by all cases' numbers, others case by case."""

_FORMAT = 1


def start_dataset(work: Work, *, overwrite: bool) -> None:
    """Make the folders of a data set that is not there yet.

    Raises
    ------
    ArgumentError
        There is one already.
    DataError
        WORK cannot be written to.
    """
    if work.raw.exists() and not overwrite:
        raise ArgumentError(
            f"WORK has a data set already, {work.raw}; choose another WORK, or make it again with --overwrite"
        )
    work.preparation.unlink(missing_ok=True)
    try:
        shutil.rmtree(work.raw, ignore_errors=True)
        for name in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
            (work.raw / name).mkdir(parents=True)
    except OSError as error:
        raise DataError(f"WORK must be a folder that can be written to, got {work.root}: {error}") from error


def image_path(work: Work, name: str, *, test: bool) -> Path:
    """Where the image of a case lies."""
    return work.raw / ("imagesTs" if test else "imagesTr") / f"{name}_0000.nii.gz"


def labels_path(work: Work, name: str, *, test: bool) -> Path:
    """Where the labels of a case lie."""
    return work.raw / ("labelsTs" if test else "labelsTr") / f"{name}.nii.gz"


def place(source: Path, target: Path) -> str:
    """Put a file where nnU-Net looks for it, by symbolic link where the disk can, else by copying.

    Returns
    -------
    str
        ``'symlink'`` or ``'copy'``.
    """
    try:
        os.symlink(source.resolve(), target)
    except OSError:
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        return "copy"
    return "symlink"


def finish_dataset(work: Work, split: Split, normalisation: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Write dataset.json, the folds, and last what was prepared.

    Parameters
    ----------
    work : Work
        The folder.
    split : Split
        Who is where.
    normalisation : {'per-case', 'ct'}
        What nnU-Net shall do.
    said : mapping
        Where the cases are from, plain.

    Returns
    -------
    dict
        As written to prepare.json.
    """
    write_json(
        work.raw / "dataset.json",
        {
            "name": DATASET,
            "description": "KiTS23: kidney, tumour and cyst in contrast-enhanced CT",
            "reference": "https://kits-challenge.org/kits23/",
            "licence": "CC BY-NC-SA 4.0" if said["source"] == "KiTS23" else "simulated",
            "channel_names": {"0": CHANNELS[normalisation]},
            "labels": {"background": 0, **{name: label for label, name in enumerate(CLASSES, start=1)}},
            "numTraining": len(split.development),
            "file_ending": ".nii.gz",
        },
    )
    write_splits(work.splits, split)
    content = {
        "format": _FORMAT,
        "dataset": DATASET,
        **said,
        "normalisation": normalisation,
        "channel": CHANNELS[normalisation],
        "n_cases": len(split.development) + len(split.test),
        "n_development": len(split.development),
        "n_test": len(split.test),
        "folds": [{part: len(names) for part, names in fold.items()} for fold in split.folds],
        "test": list(split.test),
    }
    write_json(work.preparation, content)
    return content


def write_splits(path: Path, split: Split) -> None:
    """Write the folds as nnU-Net's splits_final.json has them: a list, so no mapping of ours."""
    import json

    write_bytes_atomic(path, f"{json.dumps(list(split.folds), indent=2)}\n".encode())
