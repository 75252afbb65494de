"""The class that a training was run with, by its name."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from ckpt_uq.adapters.nnunet.framework import trainers
from ckpt_uq.errors import ArgumentError


def trainer_class(name: str) -> Any:
    """Return the trainer of a name: nnU-Net's default, ours, or whatever nnU-Net finds.

    The first two need no search, which imports all that nnU-Net's trainers might ask for.

    Raises
    ------
    ArgumentError
        nnU-Net finds no such trainer.
    """
    if name == nnUNetTrainer.__name__:
        return nnUNetTrainer
    if name.startswith("nnUNetTrainer") and hasattr(trainers, name):
        return getattr(trainers, name)
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    try:
        with redirect_stdout(io.StringIO()):
            return recursive_find_trainer_class_by_name(name)
    except RuntimeError as error:
        raise ArgumentError(
            f"the trainer {name} of this model must be installed, nnU-Net does not find it; name its folder "
            "in the variable nnUNet_extTrainer"
        ) from error
