"""``ckpt-uq nnunet plugin``: where nnU-Net finds the trainers."""

from __future__ import annotations

import typer

EPILOG = """Examples:

ckpt-uq nnunet plugin

and in a shell: export nnUNet_extTrainer=$(ckpt-uq nnunet plugin)
"""


def plugin() -> None:
    """Print the folder that nnUNet_extTrainer must name, so that nnUNetv2_train finds the trainers.

    nnUNetTrainerRelUNet: 800 epochs in cycles that end at 100, 200, 400 and 800, Dice loss, the paper's.
    nnUNetTrainerRelUNetLoshchilov: 700 epochs in cycles of 100, 200 and 400. nnUNetTrainerRelUNetDiceCE: the
    paper's with nnU-Net's own loss. nnUNetTrainerFullTrain: 800 epochs of nnU-Net's schedule, snapshots at
    60, 70, 80, 90 and 100 %. nnUNetTrainerFullTrainDiceCE: the same with nnU-Net's own loss.

    The variables CKPT_UQ_EPOCHS, CKPT_UQ_ITERATIONS and CKPT_UQ_VALIDATION_ITERATIONS shorten a training, its
    cycles in proportion.
    """
    from ckpt_uq.adapters.nnunet.plugin_folder import plugin_folder

    typer.echo(plugin_folder())
