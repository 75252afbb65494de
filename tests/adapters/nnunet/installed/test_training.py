"""Real trainings: killed and resumed, and every trainer as nnU-Net makes it."""

from __future__ import annotations

import json

import pytest
import torch

from ckpt_uq.checkpoints import check_fits, load_entries, load_weights, record_of
from ckpt_uq.cycles import sgdr_lr
from ckpt_uq.manifest import read_run
from ckpt_uq.peaks import select_peaks
from nnunet_session import N_EPOCHS, PLANS
from nnunet_tiny import NAME

pytestmark = [pytest.mark.nnunet, pytest.mark.timeout(600)]
LENGTHS = [1, 2, 2, 5]


def test_the_kill_left_more_in_the_manifest_than_nnunet_resumes_from(killed):
    resumed_at = load_entries(killed.checkpoint_at_kill, ["current_epoch"])["current_epoch"]
    assert 0 < resumed_at <= killed.at_kill.history[-1].epoch < N_EPOCHS - 1


def test_the_manifest_says_what_nnunets_own_log_says(killed):
    final = killed.model / "fold_0/checkpoint_final.pth"
    logged = load_entries(final, ["logging"])["logging"]
    history = read_run(killed.model / "fold_0/snapshots").history
    assert [entry.epoch for entry in history] == list(range(N_EPOCHS))
    assert [entry.score for entry in history] == [float(score) for score in logged["mean_fg_dice"]]
    assert [entry.lr for entry in history] == [float(rate) for rate in logged["lrs"]]


def test_epochs_that_were_trained_again_were_forgotten(killed):
    resumed_at = load_entries(killed.checkpoint_at_kill, ["current_epoch"])["current_epoch"]
    before = {entry.epoch: entry.score for entry in killed.at_kill.history}
    after = {entry.epoch: entry.score for entry in read_run(killed.model / "fold_0/snapshots").history}
    assert {epoch: after[epoch] for epoch in range(resumed_at)} == {
        epoch: before[epoch] for epoch in range(resumed_at)
    }
    assert any(after[epoch] != before[epoch] for epoch in before if epoch >= resumed_at)


def test_the_rate_is_that_of_the_epoch_across_the_kill(killed):
    rates = [entry.lr for entry in read_run(killed.model / "fold_0/snapshots").history]
    assert rates == [sgdr_lr(epoch, LENGTHS, 0.1, 1e-4) for epoch in range(N_EPOCHS)]


def test_what_lies_on_the_disk_is_what_the_manifest_names(killed):
    run = read_run(killed.model / "fold_0/snapshots")
    assert {file.name for file in run.folder.glob("*")} == {"manifest.json", *(s.file for s in run.snapshots)}
    assert [record_of(run.path_of(s)) for s in run.members] == [s.record for s in run.members]
    assert all(s.kept for s in run.snapshots)


def test_selection_is_that_of_the_whole_history(killed):
    run = read_run(killed.model / "fold_0/snapshots")
    scores = {entry.epoch: entry.score for entry in run.history}
    # What the kill cost: a snapshot that a forgotten epoch had outdone is not there again.
    assert {s.epoch for s in run.members} <= {s.epoch for s in select_peaks(scores, LENGTHS, 3).members}
    assert {s.cycle for s in run.members} == {s.cycle for s in select_peaks(scores, LENGTHS, 3).members}


def test_the_last_snapshot_is_nnunets_final_checkpoint(model_3d):
    run = read_run(model_3d / "fold_0/snapshots")
    assert [s.epoch for s in run.members] == [5, 6, 7, 8, 9]
    ours = load_weights(run.path_of(run.members[-1]))
    theirs = load_weights(model_3d / "fold_0/checkpoint_final.pth")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


TRAINERS = {
    "nnUNetTrainerRelUNet": (800, 0.1, (100, 100, 200, 400), "MemoryEfficientSoftDiceLoss"),
    "nnUNetTrainerRelUNetLoshchilov": (700, 0.1, (100, 200, 400), "MemoryEfficientSoftDiceLoss"),
    "nnUNetTrainerRelUNetDiceCE": (800, 0.1, (100, 100, 200, 400), "DC_and_CE_loss"),
    "nnUNetTrainerFullTrain": (800, 0.01, (480, 80, 80, 80, 80), "MemoryEfficientSoftDiceLoss"),
    "nnUNetTrainerFullTrainDiceCE": (800, 0.01, (480, 80, 80, 80, 80), "DC_and_CE_loss"),
}


@pytest.fixture
def made(session, monkeypatch):
    """Make a trainer as nnU-Net does, found by its name."""
    for name, value in session.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("EPOCHS", "ITERATIONS", "VALIDATION_ITERATIONS"):
        monkeypatch.delenv(f"CKPT_UQ_{name}")
    from nnunetv2.run.run_training import get_trainer_from_args

    return lambda name: get_trainer_from_args(NAME, "2d", 3, name, PLANS, device=torch.device("cpu"))


@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.filterwarnings("ignore")  # of what nnU-Net's search imports
def test_every_trainer_is_found_and_is_what_it_says(made, name):
    n_epochs, rate, lengths, loss = TRAINERS[name]
    trainer = made(name)
    trainer.initialize()
    assert (trainer.num_epochs, trainer.initial_lr, trainer.cycles.lengths) == (n_epochs, rate, lengths)
    assert (trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch) == (250, 50)
    assert type(trainer.loss.loss).__name__ == loss
    assert trainer.batch_size == trainer.configuration_manager.batch_size
    (group,) = trainer.optimizer.param_groups
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.99, True, rate)
    for epoch in (0, 99, n_epochs // 2, n_epochs - 1):
        trainer.lr_scheduler.step(epoch)
        cyclic = sgdr_lr(epoch, lengths, 0.1, 1e-4)
        poly = rate * (1 - epoch / n_epochs) ** 0.9
        assert group["lr"] == (poly if name.startswith("nnUNetTrainerFullTrain") else cyclic)


@pytest.mark.filterwarnings("ignore")
def test_in_distributed_training_every_output_has_a_weight(made, monkeypatch):
    trainer = made("nnUNetTrainerRelUNet")
    trainer.initialize()
    assert 0 in trainer.loss.weight_factors
    trainer.is_ddp = True
    assert min(trainer._build_loss().weight_factors) > 0


@pytest.mark.filterwarnings("ignore")
def test_a_snapshot_of_nnunets_compiled_network_fits_the_plain_one(made, tmp_path):
    trainer = made("nnUNetTrainerRelUNet")
    trainer.initialize()
    plain = trainer.network
    trainer.network = torch.compile(plain, backend="eager")
    trainer.output_folder = str(tmp_path)
    trainer.snapshot_selector = trainer._open_selector()
    decision = trainer.snapshot_selector.step(99, 0.5, trainer.network, lr=0.1)
    assert decision.save
    weights = load_weights(tmp_path / "snapshots/snapshot-0099.pt")
    assert check_fits(weights, plain).keys() == plain.state_dict().keys()
    assert json.loads((tmp_path / "snapshots/manifest.json").read_text())["cycles"]["lengths"][0] == 100
