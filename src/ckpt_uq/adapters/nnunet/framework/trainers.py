"""The trainers, which ``nnUNetv2_train ... -tr NAME`` finds in the plugin folder."""

from __future__ import annotations

from typing import Any, ClassVar

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.loss.nnUNetTrainerDiceLoss import nnUNetTrainerDiceLoss

from ckpt_uq.adapters.nnunet.snapshots import AnnealsInCycles, KeepsFractions

_SMALL = 1e-6


class _DiceLoss(nnUNetTrainerDiceLoss):
    """nnU-Net's Dice loss, which fails in distributed training where one of the outputs has no weight."""

    def _build_loss(self) -> Any:
        loss = super()._build_loss()
        if self.is_ddp and self.enable_deep_supervision and not self._do_i_compile():
            loss.weight_factors = tuple(weight or _SMALL for weight in loss.weight_factors)
        return loss


class nnUNetTrainerRelUNet(AnnealsInCycles, _DiceLoss):  # noqa: N801 - named as nnU-Net names trainers
    """The paper's setting: 800 epochs, cycles that end at 100, 200, 400 and 800, 0.1 to 0.0001, Dice loss."""


class nnUNetTrainerRelUNetLoshchilov(AnnealsInCycles, _DiceLoss):  # noqa: N801
    """The paper's equation, read as cycle lengths: 100, 200, 400, so restarts at 100 and 300, end at 700."""

    cycle_ends: ClassVar[tuple[int, ...]] = (100, 300, 700)


class nnUNetTrainerRelUNetDiceCE(AnnealsInCycles, nnUNetTrainer):  # noqa: N801
    """The paper's cycles under nnU-Net's own loss, Dice and cross entropy."""


class nnUNetTrainerFullTrain(KeepsFractions, _DiceLoss):  # noqa: N801
    """One plain training of 800 epochs, nnU-Net's poly schedule from 0.01; snapshots at 60 to 100 %."""


class nnUNetTrainerFullTrainDiceCE(KeepsFractions, nnUNetTrainer):  # noqa: N801
    """The plain training under nnU-Net's own loss, Dice and cross entropy."""
