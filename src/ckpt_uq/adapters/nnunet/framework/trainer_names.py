"""Our trainers' names, for what needs no more of them."""

from __future__ import annotations

OWN_TRAINERS = (
    "nnUNetTrainerFullTrain",
    "nnUNetTrainerFullTrainDiceCE",
    "nnUNetTrainerRelUNet",
    "nnUNetTrainerRelUNetDiceCE",
    "nnUNetTrainerRelUNetLoshchilov",
)
