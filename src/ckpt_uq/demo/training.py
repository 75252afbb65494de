"""The training loop of the demo: any loop, with three lines of ``ckpt_uq`` in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.optim import SGD, Optimizer

from ckpt_uq.cycles import PAPER_ETA_MAX, PAPER_ETA_MIN
from ckpt_uq.demo.augment import augment
from ckpt_uq.demo.cases import Case, CaseSplit
from ckpt_uq.demo.datasets import DataSet, paper_cycles
from ckpt_uq.demo.loss import dice_loss
from ckpt_uq.demo.progress import Progress
from ckpt_uq.demo.slicewise import standardised, training_slices
from ckpt_uq.demo.state import TrainingLog, load_state, save_state
from ckpt_uq.demo.unet import SmallUNet, seeded_unet
from ckpt_uq.errors import ManifestError
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.schedule import SGDR
from ckpt_uq.selection import PeakCheckpointSelector

MEMBERS_PER_CYCLE = 3


def train(
    dataset: DataSet,
    split: CaseSplit,
    *,
    seed: int,
    n_epochs: int,
    run_dir: Path,
    state_path: Path,
    progress: Progress,
) -> tuple[SmallUNet, TrainingLog]:
    """Train, and leave the peaks of each cycle in `run_dir`; go on from `state_path` if it exists.

    Every epoch draws from a generator of its own, so a run that was interrupted ends as if it had not been.

    Returns
    -------
    SmallUNet, TrainingLog
        The network as trained last, and its loss and seconds by epoch.

    Raises
    ------
    ManifestError
        The run folder lacks epochs that the state has seen.
    """
    model = seeded_unet(dataset.n_classes, seed)
    optimizer = SGD(model.parameters(), lr=PAPER_ETA_MAX, momentum=0.9, nesterov=True)
    schedule = SGDR(optimizer, cycles=paper_cycles(n_epochs), eta_min=PAPER_ETA_MIN)
    selector = PeakCheckpointSelector(run_dir, cycles=schedule.cycles, k=MEMBERS_PER_CYCLE)
    log = load_state(state_path, model, optimizer) if state_path.exists() else TrainingLog()
    _check_resumed(selector, log, run_dir)
    schedule.step(len(log))
    images, labels = training_slices(split.train, dataset.slicewise, dataset.window, dataset.slice_step)
    with progress.stage("train", total=n_epochs, done=len(log)) as advance:
        for epoch in range(len(log), n_epochs):
            start = perf_counter()
            generator = Generator().manual_seed(epoch_seed(seed, epoch))
            log.loss.append(train_epoch(model, optimizer, images, labels, dataset, generator))
            dice = selection_dice(model, split.selection, dataset)
            selector.step(epoch, dice, model, lr=optimizer.param_groups[0]["lr"])
            schedule.step()
            log.seconds.append(perf_counter() - start)
            save_state(state_path, model, optimizer, log)
            advance(f"selection Dice {dice:.3f}")
    return model, log


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed of its own for every pair of seed and epoch."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


def train_epoch(
    model: nn.Module,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    dataset: DataSet,
    generator: Generator,
) -> float:
    """One pass over the slices of an epoch, in random order; the mean loss."""
    model.train()
    losses = []
    for batch in torch.randperm(len(images), generator=generator)[: dataset.slices_per_epoch].split(
        dataset.batch_size
    ):
        x, y = augment(images[batch], labels[batch], generator)
        loss = dice_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.no_grad()
def selection_dice(model: nn.Module, cases: Sequence[Case], dataset: DataSet) -> float:
    """Mean over foreground classes of their Dice pooled over the cases: the score that peaks are found in."""
    model.eval()
    guesses, truths = [], []
    for case in cases:
        volume = torch.from_numpy(standardised(case, dataset.window))
        guesses.append(dataset.slicewise(volume[None, None], model)[0].argmax(dim=0).numpy().ravel())
        truths.append(case.labels.ravel())
    dice = dice_per_class(np.concatenate(guesses), np.concatenate(truths), dataset.n_classes)
    return float(np.nanmean(dice[1:]))


def _check_resumed(selector: PeakCheckpointSelector, log: TrainingLog, run_dir: Path) -> None:
    if selector.last_epoch < len(log) - 1:
        raise ManifestError(
            f"{run_dir} must know the {len(log)} epochs trained so far, its last is {selector.last_epoch}; "
            "restore it from a copy, or start again with --overwrite"
        )
