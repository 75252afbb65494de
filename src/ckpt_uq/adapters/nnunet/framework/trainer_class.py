"""The class that a training was run with, by its name."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

from ckpt_uq.errors import ArgumentError


def trainer_class(name: str) -> Any:
    """Return the trainer of a name, whatever nnU-Net finds; the search imports what trainers might ask for.

    Raises
    ------
    ArgumentError
        nnU-Net finds no such trainer.
    """
    try:
        with redirect_stdout(io.StringIO()):
            return recursive_find_trainer_class_by_name(name)
    except RuntimeError as error:
        raise ArgumentError(
            f"the trainer {name} of this model must be installed, nnU-Net does not find it; name its folder "
            "in the variable nnUNet_extTrainer"
        ) from error
