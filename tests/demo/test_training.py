from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim import SGD

from ckpt_uq.demo.cases import CaseSplit, split_cases
from ckpt_uq.demo.datasets import DataSet, find_dataset
from ckpt_uq.demo.progress import Silent
from ckpt_uq.demo.state import TrainingLog, load_state, save_state
from ckpt_uq.demo.training import selection_dice, train
from ckpt_uq.demo.unet import seeded_unet
from ckpt_uq.errors import CheckpointError, ManifestError
from ckpt_uq.manifest import read_run
from ckpt_uq.schedule import sgdr_lr

N_EPOCHS = 4


@dataclass
class Interrupting:
    """Stops the work after so many steps, as ctrl-C would."""

    after: int
    steps: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name, total, done=0):
        def advance(remark):
            self.steps.append(remark)
            if len(self.steps) == self.after:
                raise KeyboardInterrupt

        yield advance


@pytest.fixture(scope="module")
def tiny() -> tuple[DataSet, CaseSplit]:
    dataset = find_dataset("phantom-tiny")
    return dataset, split_cases(dataset.load(0), dataset.split, 0)


def _train(tiny: tuple[DataSet, CaseSplit], folder: Path, progress=None, seed=0):
    dataset, split = tiny
    model, log = train(
        dataset,
        split,
        seed=seed,
        n_epochs=N_EPOCHS,
        run_dir=folder / "run",
        state_path=folder / "state.pt",
        progress=progress or Silent(),
    )
    return model, log


@pytest.fixture(scope="module")
def uninterrupted(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, *_train(tiny, folder)


@pytest.mark.parametrize("after", [1, 3])
def test_an_interrupted_run_ends_as_if_it_had_not_been(tiny, uninterrupted, tmp_path, after):
    with pytest.raises(KeyboardInterrupt):
        _train(tiny, tmp_path, Interrupting(after))
    left = Interrupting(after=99)
    model, log = _train(tiny, tmp_path, left)
    assert len(left.steps) == N_EPOCHS - after
    folder, expected, expected_log = uninterrupted
    assert log.loss == expected_log.loss
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    ours, theirs = read_run(tmp_path / "run"), read_run(folder / "run")
    assert ours.history == theirs.history
    assert [m.epoch for m in ours.members] == [m.epoch for m in theirs.members]


def test_a_run_killed_before_its_state_was_written_replays_the_epoch(tiny, uninterrupted, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _train(tiny, tmp_path, Interrupting(2))
    early = tmp_path / "early"
    early.mkdir()
    with pytest.raises(KeyboardInterrupt):
        _train(tiny, early, Interrupting(1))
    (early / "state.pt").replace(tmp_path / "state.pt")  # the manifest knows an epoch more than the state
    _train(tiny, tmp_path)
    assert read_run(tmp_path / "run").history == read_run(uninterrupted[0] / "run").history


def test_the_history_holds_the_schedule_and_the_scores(tiny, uninterrupted):
    folder, model, log = uninterrupted
    run = read_run(folder / "run")
    rates = [sgdr_lr(e, run.rule.cycles, 0.1, 1e-4) for e in range(N_EPOCHS)]
    assert [entry.lr for entry in run.history] == pytest.approx(rates)
    assert len(log.loss) == len(log.seconds) == N_EPOCHS
    assert run.history[-1].score == selection_dice(model, tiny[1].selection, tiny[0])
    assert log.loss[-1] < log.loss[0]


def test_a_state_ahead_of_its_run_folder_is_refused(tiny, uninterrupted, tmp_path):
    (tmp_path / "state.pt").write_bytes((uninterrupted[0] / "state.pt").read_bytes())
    with pytest.raises(ManifestError, match="must know the 4 epochs trained so far"):
        _train(tiny, tmp_path)


def test_a_finished_run_is_not_trained_again(tiny, uninterrupted):
    watching = Interrupting(after=1)
    model, _ = _train(tiny, uninterrupted[0], watching)
    assert watching.steps == []
    assert torch.equal(model.head.weight, uninterrupted[1].head.weight)


def test_the_seed_decides_the_training(tiny, uninterrupted, tmp_path):
    _, log = _train(tiny, tmp_path, seed=1)
    assert log.loss != uninterrupted[2].loss


def test_selection_dice_pools_the_cases(tiny):
    dataset, split = tiny
    truth = {case.labels.tobytes(): case.labels for case in split.selection}

    class Oracle(torch.nn.Module):
        """Answers with the labels of whatever case comes next."""

        def __init__(self):
            super().__init__()
            self.left = list(truth.values())

        def forward(self, slices):
            labels = torch.from_numpy(self.left.pop(0)).long()
            return torch.nn.functional.one_hot(labels, dataset.n_classes).movedim(-1, 1).float()

    assert selection_dice(Oracle(), split.selection, dataset) == 1.0


def test_state_round_trip_keeps_weights_momentum_and_log(tmp_path):
    def parts(seed):
        model = seeded_unet(2, seed)
        return model, SGD(model.parameters(), lr=0.1, momentum=0.9)

    model, optimizer = parts(0)
    for _ in range(2):
        model(torch.randn(1, 1, 16, 16)).square().sum().backward()
        optimizer.step()
    save_state(tmp_path / "state.pt", model, optimizer, TrainingLog([0.5, 1 / 3], [10.0, 11.0]))
    other, other_optimizer = parts(1)
    log = load_state(tmp_path / "state.pt", other, other_optimizer)
    assert log == TrainingLog([0.5, 1 / 3], [10.0, 11.0])
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert torch.equal(
            optimizer.state[mine]["momentum_buffer"], other_optimizer.state[theirs]["momentum_buffer"]
        )


def test_a_cut_state_is_named(tmp_path):
    model = seeded_unet(2, 0)
    optimizer = SGD(model.parameters(), lr=0.1)
    path = tmp_path / "state.pt"
    save_state(path, model, optimizer, TrainingLog([1.0], [1.0]))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"state\.pt"):
        load_state(path, model, optimizer)


def test_epochs_draw_from_generators_of_their_own():
    from ckpt_uq.demo.training import epoch_seed

    seeds = {epoch_seed(seed, epoch) for seed in range(20) for epoch in range(50)}
    assert len(seeds) == 1000
    assert np.all([0 <= seed < 2**63 for seed in seeds])
