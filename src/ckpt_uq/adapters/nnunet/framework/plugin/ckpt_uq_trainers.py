"""What nnU-Net finds here: it imports the files of this folder by their bare names, and forgets them."""

from ckpt_uq.adapters.nnunet.framework.trainers import (
    nnUNetTrainerFullTrain,
    nnUNetTrainerFullTrainDiceCE,
    nnUNetTrainerRelUNet,
    nnUNetTrainerRelUNetDiceCE,
    nnUNetTrainerRelUNetLoshchilov,
)

__all__ = [
    "nnUNetTrainerFullTrain",
    "nnUNetTrainerFullTrainDiceCE",
    "nnUNetTrainerRelUNet",
    "nnUNetTrainerRelUNetDiceCE",
    "nnUNetTrainerRelUNetLoshchilov",
]
