"""What a trainer of nnU-Net needs to keep the peaks of its cycles: hooks, without nnU-Net itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch

from ckpt_uq.adapters.nnunet.run_length import (
    EPOCHS,
    ITERATIONS,
    VALIDATION_ITERATIONS,
    from_environment,
    scaled_cycles,
)
from ckpt_uq.cycles import PAPER_ETA_MAX, PAPER_ETA_MIN, Cycles
from ckpt_uq.errors import ManifestError
from ckpt_uq.schedule import SGDR
from ckpt_uq.selection import PeakCheckpointSelector

SNAPSHOTS = "snapshots"
"""Folder within a fold's that holds the manifest and the weights."""

_Trainer: Any = object  # what follows it in the order of classes: a trainer of nnU-Net


class KeepsSnapshots(_Trainer):
    """Goes before a trainer of nnU-Net; keeps the best epochs of every cycle in ``fold_X/snapshots``.

    Epochs are judged by ``mean_fg_dice`` as it is, not by its moving average. In distributed training rank 0
    keeps them. The variables CKPT_UQ_EPOCHS, CKPT_UQ_ITERATIONS and CKPT_UQ_VALIDATION_ITERATIONS shorten the
    run; the cycles keep their proportions.

    Attributes
    ----------
    cycle_ends : tuple of int
        Epochs at which cycles end; the last one is the length of the training.
    snapshots_per_cycle, window, min_gain
        As for :class:`~ckpt_uq.selection.PeakCheckpointSelector`.
    """

    cycle_ends: ClassVar[tuple[int, ...]] = (100, 200, 400, 800)
    snapshots_per_cycle: ClassVar[int] = 3
    window: ClassVar[float] = 0.5
    min_gain: ClassVar[float | None] = 0.0

    num_iterations_per_epoch: int
    num_val_iterations_per_epoch: int

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int | str,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008 - nnU-Net reads this very signature
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = from_environment(EPOCHS, self.cycle_ends[-1])
        self.num_iterations_per_epoch = from_environment(ITERATIONS, self.num_iterations_per_epoch)
        self.num_val_iterations_per_epoch = from_environment(
            VALIDATION_ITERATIONS, self.num_val_iterations_per_epoch
        )
        self.snapshot_selector: PeakCheckpointSelector | None = None

    @property
    def cycles(self) -> Cycles:
        """The cycles of this run."""
        return scaled_cycles(self.cycle_ends, self.num_epochs)

    def on_train_start(self) -> None:
        """Open the folder of snapshots, at the epoch that nnU-Net starts from."""
        super().on_train_start()
        if self.local_rank == 0 and not self.disable_checkpointing:
            self.snapshot_selector = self._open_selector()
            self._refuse_to_lose(self.snapshot_selector)
            # nnU-Net resumes from its latest checkpoint: what was kept since then will be trained again.
            self.snapshot_selector.rewind(self.current_epoch)

    def on_epoch_end(self) -> None:
        """Judge the epoch before nnU-Net counts it, and before its checkpoint says that it is done."""
        if self.snapshot_selector is not None:
            score = float(self.logger.get_value("mean_fg_dice", step=-1))
            rate = float(self.optimizer.param_groups[0]["lr"])
            decision = self.snapshot_selector.step(self.current_epoch, score, self.network, lr=rate)
            dropped = [snapshot.epoch for snapshot in decision.drop]
            if decision.save or dropped:
                kept = f"snapshot of epoch {self.current_epoch} kept" if decision.save else "no new snapshot"
                self.print_to_log_file(f"{kept}, dropped: {dropped or 'none'}")
        super().on_epoch_end()

    def _refuse_to_lose(self, selector: PeakCheckpointSelector) -> None:
        """Refuse to start over where a training could go on, as when ``--c`` was forgotten."""
        finished = [snapshot.epoch for snapshot in selector.peaks.members]
        if self.current_epoch == 0 and finished and any(Path(self.output_folder).glob("checkpoint_*.pth")):
            raise ManifestError(
                f"a training must not cost finished snapshots, {selector.run_dir} has those of epochs "
                f"{finished}; add --c to go on with it, or remove {self.output_folder} to start over"
            )

    def _open_selector(self) -> PeakCheckpointSelector:
        folder = Path(self.output_folder) / SNAPSHOTS
        try:
            return PeakCheckpointSelector(
                folder,
                cycles=self.cycles,
                k=self.snapshots_per_cycle,
                window=self.window,
                min_gain=self.min_gain,
            )
        except ManifestError as error:
            raise ManifestError(f"{error}; or remove {folder} to start anew") from error


class AnnealsInCycles(KeepsSnapshots):
    """Also anneals the learning rate by a cosine within every cycle.

    Attributes
    ----------
    eta_max, eta_min : float
        Learning rate at a restart and at a trough.
    """

    eta_max: ClassVar[float] = PAPER_ETA_MAX
    eta_min: ClassVar[float] = PAPER_ETA_MIN

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, SGDR]:
        """The base trainer's optimizer, under a schedule that is a function of the epoch alone."""
        self.initial_lr = self.eta_max
        optimizer, _ = super().configure_optimizers()
        return optimizer, SGDR(optimizer, cycles=self.cycles, eta_min=self.eta_min)


class KeepsFractions(KeepsSnapshots):
    """Keeps one snapshot at the end of 60, 70, 80, 90 and 100 % of the training, however good it is."""

    cycle_ends: ClassVar[tuple[int, ...]] = (480, 560, 640, 720, 800)
    snapshots_per_cycle: ClassVar[int] = 1
    window: ClassVar[float] = 1e-6  # the last epoch alone
    min_gain: ClassVar[float | None] = None
