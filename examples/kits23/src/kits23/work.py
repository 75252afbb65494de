"""The folder that all commands share, and what lies where in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ckpt_uq.errors import ArgumentError

DATASET = "Dataset220_KiTS23"
DATASET_ID = 220
CLASSES = ("kidney", "tumour", "cyst")
"""Names of the labels 1, 2, 3."""

WorkOption = Annotated[Path, typer.Argument(metavar="WORK", help="Folder of the whole experiment.")]
"""The first argument of every command."""


@dataclass(frozen=True)
class Work:
    """Where everything lies in the folder WORK.

    Attributes
    ----------
    root : Path
        The folder itself.

    Examples
    --------
    >>> Work(Path("work")).raw.as_posix()
    'work/nnUNet_raw/Dataset220_KiTS23'
    """

    root: Path

    @property
    def nnunet_raw(self) -> Path:
        """What nnU-Net calls nnUNet_raw."""
        return self.root / "nnUNet_raw"

    @property
    def nnunet_preprocessed(self) -> Path:
        """What nnU-Net calls nnUNet_preprocessed."""
        return self.root / "nnUNet_preprocessed"

    @property
    def nnunet_results(self) -> Path:
        """What nnU-Net calls nnUNet_results."""
        return self.root / "nnUNet_results"

    @property
    def raw(self) -> Path:
        """The data set: imagesTr, labelsTr, imagesTs, labelsTs, dataset.json."""
        return self.nnunet_raw / DATASET

    @property
    def preparation(self) -> Path:
        """What ``prepare`` says it did; written last, so it tells that the data set is whole."""
        return self.root / "prepare.json"

    @property
    def splits(self) -> Path:
        """The folds, in the format of nnU-Net's splits_final.json."""
        return self.root / "splits_final.json"

    @property
    def predictions(self) -> Path:
        """One folder a system, as ``ckpt-uq predict`` and ``combine`` write them."""
        return self.root / "predictions"

    @property
    def evaluation(self) -> Path:
        """One folder a system, with metrics.json, scores.csv, slices.csv and flags.csv."""
        return self.root / "evaluation"

    @property
    def report(self) -> Path:
        """The page."""
        return self.root / "report.html"

    def require_prepared(self) -> Work:
        """Return itself, or say that ``prepare`` has to come first.

        Raises
        ------
        ArgumentError
            There is no prepared data set.
        """
        if not self.preparation.is_file():
            raise ArgumentError(
                f"WORK must hold a prepared data set, found no {self.preparation.name} in {self.root}; run "
                "kits23 prepare first"
            )
        return self
