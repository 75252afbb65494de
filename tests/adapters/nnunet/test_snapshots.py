"""The hooks, called as nnU-Net calls them, by a trainer that has nothing else of nnU-Net's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ckpt_uq.adapters.nnunet.snapshots import AnnealsInCycles, KeepsFractions
from ckpt_uq.checkpoints import load_weights
from ckpt_uq.cycles import PAPER_ETA_MAX, PAPER_ETA_MIN, sgdr_lr
from ckpt_uq.errors import ManifestError
from ckpt_uq.manifest import read_run
from ckpt_uq.peaks import select_peaks


class Logger:
    def __init__(self):
        self.values = []

    def get_value(self, key, step):
        assert (key, step) == ("mean_fg_dice", -1)
        return self.values[-1]


class Trainer:
    """The part of nnU-Net's trainer that the hooks know, in its order."""

    def __init__(self, plans, configuration, fold, dataset_json, device):
        self.output_folder = plans["output_folder"]
        self.scores = plans["scores"]
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1000, 250, 50
        self.initial_lr = 1e-2
        self.current_epoch = self.local_rank = 0
        self.disable_checkpointing = False
        self.logger, self.network, self.said = Logger(), torch.nn.Linear(1, 1), []
        self.optimizer, self.lr_scheduler = self.configure_optimizers()
        self.latest = 0

    def configure_optimizers(self):
        return torch.optim.SGD(self.network.parameters(), self.initial_lr), None

    def print_to_log_file(self, *words):
        self.said.append(" ".join(map(str, words)))

    def on_train_start(self):
        pass

    def on_epoch_end(self):
        self.current_epoch += 1
        self.latest = self.current_epoch

    def run(self, until=None):
        self.optimizer, self.lr_scheduler = self.configure_optimizers()
        self.on_train_start()
        for epoch in range(self.current_epoch, self.num_epochs if until is None else until):
            if self.lr_scheduler is not None:
                self.lr_scheduler.step(epoch)
            with torch.no_grad():
                self.network.weight.fill_(epoch)  # so that a file tells its epoch
            self.logger.values.append(self.scores[epoch])
            self.on_epoch_end()


class Cyclic(AnnealsInCycles, Trainer):
    pass


class Fractions(KeepsFractions, Trainer):
    pass


SCORES = [0.1, 0.2, 0.15, 0.3, 0.05, 0.32, 0.4, 0.38, 0.1, 0.2, 0.41, 0.43, 0.5, 0.45, 0.52, 0.3]


@pytest.fixture(autouse=True)
def sixteen_epochs(monkeypatch):
    for name in ("EPOCHS", "ITERATIONS", "VALIDATION_ITERATIONS"):
        monkeypatch.delenv(f"CKPT_UQ_{name}", raising=False)
    monkeypatch.setenv("CKPT_UQ_EPOCHS", "16")


def trainer(kind, folder, scores=SCORES):
    return kind({"output_folder": str(folder), "scores": scores}, "2d", 0, {}, torch.device("cpu"))


def kept(folder) -> dict[int, Path]:
    run = read_run(folder / "snapshots")
    return {s.epoch: run.path_of(s) for s in run.members}


def test_the_best_epochs_of_every_cycle_are_kept_with_their_own_weights(tmp_path):
    one = trainer(Cyclic, tmp_path)
    one.run()
    found = kept(tmp_path)
    assert list(found) == [s.epoch for s in select_peaks(SCORES, one.cycles).members]
    assert len(found) > 4
    assert {epoch: load_weights(path)["weight"].item() for epoch, path in found.items()} == {
        epoch: float(epoch) for epoch in found
    }


def test_the_rate_is_a_function_of_the_epoch(tmp_path):
    one = trainer(Cyclic, tmp_path)
    one.run()
    rates = [entry.lr for entry in read_run(tmp_path / "snapshots").history]
    assert rates == [sgdr_lr(epoch, [2, 2, 4, 8], PAPER_ETA_MAX, PAPER_ETA_MIN) for epoch in range(16)]


@pytest.mark.parametrize(("killed_at", "behind"), [(1, 0), (2, 1), (5, 3), (8, 0), (9, 2), (15, 3)])
def test_a_resumed_run_ends_as_if_it_had_not_stopped(tmp_path, killed_at, behind):
    trainer(Cyclic, tmp_path).run(until=killed_at)
    resumed = trainer(Cyclic, tmp_path)
    resumed.current_epoch = max(0, killed_at - behind)
    resumed.on_train_start()
    history = read_run(tmp_path / "snapshots").history
    assert [entry.epoch for entry in history] == list(range(resumed.current_epoch)), "the rest was forgotten"
    resumed.run()
    history = read_run(tmp_path / "snapshots").history
    assert [(entry.epoch, entry.score) for entry in history] == list(enumerate(SCORES))
    assert [entry.lr for entry in history] == [sgdr_lr(e, [2, 2, 4, 8], 0.1, 1e-4) for e in range(16)]


class KilledError(Exception):
    pass


def test_the_books_are_ahead_of_nnunets_checkpoint_never_behind(tmp_path, monkeypatch):
    def killed(self):
        raise KilledError

    monkeypatch.setattr(Trainer, "on_epoch_end", killed)
    with pytest.raises(KilledError):
        trainer(Cyclic, tmp_path).run()
    assert [entry.epoch for entry in read_run(tmp_path / "snapshots").history] == [0]


def test_a_run_that_could_go_on_is_not_lost_to_one_that_starts_over(tmp_path):
    trainer(Cyclic, tmp_path).run(until=5)
    (tmp_path / "checkpoint_latest.pth").touch()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "snapshots").iterdir()}
    with pytest.raises(ManifestError, match=r"has those of epochs \[1, 3\]; add --c to go on"):
        trainer(Cyclic, tmp_path).run()
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "snapshots").iterdir()}


def test_a_run_that_left_nothing_to_go_on_from_starts_over(tmp_path):
    trainer(Cyclic, tmp_path).run(until=5)
    trainer(Cyclic, tmp_path).run(until=1)
    assert [entry.epoch for entry in read_run(tmp_path / "snapshots").history] == [0]
    assert len(list((tmp_path / "snapshots").glob("*.pt"))) <= 1


def test_another_length_is_refused_with_the_way_out(tmp_path, monkeypatch):
    trainer(Cyclic, tmp_path).run(until=3)
    monkeypatch.setenv("CKPT_UQ_EPOCHS", "32")
    with pytest.raises(ManifestError, match=r"cycles must be .* or remove .*snapshots to start anew"):
        trainer(Cyclic, tmp_path).run()


@pytest.mark.parametrize("change", [{"local_rank": 1}, {"disable_checkpointing": True}])
def test_other_ranks_and_disabled_checkpoints_write_nothing(tmp_path, change):
    one = trainer(Cyclic, tmp_path)
    vars(one).update(change)
    one.run()
    assert list(tmp_path.iterdir()) == []
    assert one.current_epoch == 16


def test_fractions_are_kept_however_bad_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPT_UQ_EPOCHS", "20")
    trainer(Fractions, tmp_path, [1 - epoch / 20 for epoch in range(20)]).run()
    assert list(kept(tmp_path)) == [11, 13, 15, 17, 19]


class Distributed(torch.nn.Module):
    """Names its weights as DistributedDataParallel does, without a process group."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def test_wrappers_of_distributed_and_compiled_networks_go(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPT_UQ_EPOCHS", "8")
    one = trainer(Cyclic, tmp_path)
    plain = one.network
    one.network = Distributed(torch.compile(plain, backend="eager"))
    assert list(one.network.state_dict()) == ["module._orig_mod.weight", "module._orig_mod.bias"]
    one.on_train_start()
    one.logger.values.append(0.5)
    one.on_epoch_end()
    (path,) = (tmp_path / "snapshots").glob("*.pt")
    assert list(load_weights(path)) == ["weight", "bias"]


def test_iterations_follow_their_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPT_UQ_ITERATIONS", "7")
    one = trainer(Cyclic, tmp_path)
    assert (one.num_epochs, one.num_iterations_per_epoch, one.num_val_iterations_per_epoch) == (16, 7, 50)
    monkeypatch.setenv("CKPT_UQ_VALIDATION_ITERATIONS", "3")
    assert trainer(Cyclic, tmp_path).num_val_iterations_per_epoch == 3


def test_lengths_are_the_classes_own_without_variables(tmp_path, monkeypatch):
    monkeypatch.delenv("CKPT_UQ_EPOCHS")
    one = trainer(Cyclic, tmp_path)
    assert (one.num_epochs, one.num_iterations_per_epoch, one.initial_lr) == (800, 250, 0.1)
    assert trainer(Fractions, tmp_path).initial_lr == 0.01
