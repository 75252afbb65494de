"""Trainers that skip nnU-Net's final validation; one often writes the checkpoint that a kill resumes from."""

from __future__ import annotations

import torch

from ckpt_uq.adapters.nnunet.framework.trainers import nnUNetTrainerFullTrain, nnUNetTrainerRelUNet


class nnUNetTrainerOften(nnUNetTrainerRelUNet):  # noqa: N801
    def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cpu")):  # noqa: B008
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.save_every = 2

    def perform_actual_validation(self, save_probabilities=False):
        pass


class nnUNetTrainerFractionsOnly(nnUNetTrainerFullTrain):  # noqa: N801
    def perform_actual_validation(self, save_probabilities=False):
        pass
