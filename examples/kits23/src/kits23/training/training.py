"""Trainings, by nnU-Net's own program; what was interrupted goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ckpt_uq.adapters.nnunet.run_length import EPOCHS, ITERATIONS, VALIDATION_ITERATIONS
from ckpt_uq.adapters.nnunet.snapshots import SNAPSHOTS
from ckpt_uq.errors import ManifestError
from ckpt_uq.manifest import read_run
from kits23.training.planning import require_planned
from kits23.training.plans import PLANS
from kits23.training.programs import run_program
from kits23.training.recipes import Training
from kits23.work import DATASET_ID, Work

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Length:
    """How long trainings are; the trainer's own length where nothing is said.

    Attributes
    ----------
    epochs : int, optional
        Cycles keep their proportions.
    iterations, validation_iterations : int, optional
        Batches of an epoch.
    """

    epochs: int | None = None
    iterations: int | None = None
    validation_iterations: int | None = None

    def settings(self) -> dict[str, str]:
        """Variables that the trainers read.

        Examples
        --------
        >>> Length(epochs=40).settings()
        {'CKPT_UQ_EPOCHS': '40'}
        """
        named = {
            EPOCHS: self.epochs,
            ITERATIONS: self.iterations,
            VALIDATION_ITERATIONS: self.validation_iterations,
        }
        return {name: str(value) for name, value in named.items() if value is not None}


def train(
    work: Work,
    training: Training,
    *,
    length: Length = Length(),
    device: str | None = None,
    n_workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> bool:
    """Train, or go on with a training that was interrupted.

    Parameters
    ----------
    work : Work
        The folder, planned.
    training : Training
        Which one.
    length : Length
        How long.
    device : str, optional
        ``cuda``, ``cpu`` or ``mps``; by default the GPU where there is one, else the processor.
    n_workers : int, optional
        Processes that load and augment; by default nnU-Net's choice with a GPU, and none without.
    progress : callable
        Told how many epochs are done, and of how many.

    Returns
    -------
    bool
        Whether there was anything to do.

    Raises
    ------
    ArgumentError
        Its configuration was not planned.
    ProgramError
        nnU-Net failed.
    """
    require_planned(work, training.configuration)
    if training.is_finished(work):
        return False
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    arguments = [str(DATASET_ID), training.configuration, str(training.fold)]
    arguments += ["-tr", training.trainer, "-p", PLANS, "-device", device]
    if any(training.folder(work).glob("checkpoint_*.pth")):
        arguments.append("--c")
    settings = length.settings()
    if device == "cpu":
        # Threads that wait by spinning take the cores from each other wherever anything else is at work.
        settings |= {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
        n_workers = n_workers or 0
    if n_workers is not None:
        settings |= {"nnUNet_n_proc_DA": str(n_workers), "nnUNet_def_n_proc": str(max(1, n_workers))}

    def look() -> None:
        done, total = epochs_done(work, training)
        progress(done, total)

    log = f"train-{training.trainer}-{training.configuration}-{training.fold}"
    run_program(work, "nnUNetv2_train", arguments, settings=settings, log=log, while_running=look)
    return True


def epochs_done(work: Work, training: Training) -> tuple[int, int]:
    """How many epochs the manifest knows, and how many the run has; 0 of 1 before there is one."""
    try:
        run = read_run(training.folder(work) / SNAPSHOTS)
    except ManifestError:
        return 0, 1
    return len(run.history), run.rule.cycles.end or 1
