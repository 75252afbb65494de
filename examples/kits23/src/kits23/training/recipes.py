"""What each system of the comparison is: which trainings, and which of their checkpoints predict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ckpt_uq.errors import ArgumentError
from kits23.training.plans import PLANS
from kits23.work import DATASET, Work


@dataclass(frozen=True)
class Training:
    """One training of nnU-Net.

    Attributes
    ----------
    trainer, configuration : str
        As for ``nnUNetv2_train``.
    fold : int
        Of splits_final.json.
    """

    trainer: str
    configuration: str
    fold: int

    def model(self, work: Work) -> Path:
        """Folder of the model, with all its folds."""
        return work.nnunet_results / DATASET / f"{self.trainer}__{PLANS}__{self.configuration}"

    def folder(self, work: Work) -> Path:
        """Folder of the fold."""
        return self.model(work) / f"fold_{self.fold}"

    def is_finished(self, work: Work) -> bool:
        """Whether nnU-Net has written its last checkpoint."""
        return (self.folder(work) / "checkpoint_final.pth").is_file()


@dataclass(frozen=True)
class Recipe:
    """A system.

    Attributes
    ----------
    trainer, configuration : str
        Of all its trainings.
    folds : tuple of int
        One training each.
    checkpoints : str
        What predicts, as for ``ckpt-uq nnunet predict``.
    about : str
        What it is.
    """

    trainer: str
    configuration: str
    folds: tuple[int, ...]
    checkpoints: str
    about: str

    @property
    def trainings(self) -> list[Training]:
        """Its trainings."""
        return [Training(self.trainer, self.configuration, fold) for fold in self.folds]


RECIPES = {
    "rel_unet": Recipe(
        "nnUNetTrainerRelUNet",
        "2d",
        (0,),
        "snapshots",
        "the paper's: the peaks of one training in cycles that end at 100, 200, 400 and 800 epochs",
    ),
    "rel_unet_single": Recipe(
        "nnUNetTrainerRelUNet", "2d", (0,), "best", "nnU-Net's best checkpoint of the same training, alone"
    ),
    "rel_unet_loshchilov": Recipe(
        "nnUNetTrainerRelUNetLoshchilov", "2d", (0,), "snapshots", "cycles of 100, 200 and 400 epochs"
    ),
    "rel_unet_dice_ce": Recipe(
        "nnUNetTrainerRelUNetDiceCE", "2d", (0,), "snapshots", "the paper's with Dice and cross entropy"
    ),
    "rel_unet_dice_ce_single": Recipe(
        "nnUNetTrainerRelUNetDiceCE", "2d", (0,), "best", "nnU-Net's best checkpoint of that training, alone"
    ),
    "rel_unet_3d": Recipe(
        "nnUNetTrainerRelUNet", "3d_fullres", (0,), "snapshots", "the paper's on whole volumes"
    ),
    "full_train": Recipe(
        "nnUNetTrainerFullTrain", "2d", (0,), "snapshots", "60, 70, 80, 90 and 100 % of one plain training"
    ),
    "rel_unet_3d_dice_ce": Recipe(
        "nnUNetTrainerRelUNetDiceCE", "3d_fullres", (0,), "snapshots", "that on whole volumes"
    ),
    "full_train_dice_ce": Recipe(
        "nnUNetTrainerFullTrainDiceCE", "2d", (0,), "snapshots", "the plain training with that loss"
    ),
    "five_fold": Recipe(
        "nnUNetTrainerFullTrain", "2d", (0, 1, 2, 3, 4), "final", "five plain trainings, one a fold"
    ),
}
"""The systems that nnU-Net trains, by the names of their folders in WORK/predictions."""


def recipe(system: str) -> Recipe:
    """Return the recipe of a system.

    Raises
    ------
    ArgumentError
        There is none.
    """
    if system not in RECIPES:
        raise ArgumentError(f"--system must be one of {', '.join(RECIPES)}, got {system!r}")
    return RECIPES[system]


def trainings_of(systems: list[str]) -> list[Training]:
    """Every training that the systems need, once.

    Examples
    --------
    >>> len(trainings_of(["rel_unet", "rel_unet_single", "full_train", "five_fold"]))
    6
    """
    return list(dict.fromkeys(training for system in systems for training in recipe(system).trainings))
