from __future__ import annotations

import gc
import shutil
import weakref

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ckpt_uq.checkpoints import save_weights
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.errors import ArgumentError, CheckpointError, ManifestError
from ckpt_uq.members import checkpoints as member_files
from ckpt_uq.members.checkpoints import CheckpointMembers
from ckpt_uq.selection import PeakCheckpointSelector


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))
    net[1].running_mean.uniform_()
    return net


@pytest.fixture
def image():
    return torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(7))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{seed}.pt" for seed in range(3)]
    for seed, path in enumerate(paths):
        save_weights(path, network(seed))
    return paths


@pytest.fixture
def run(tmp_path):
    selector = PeakCheckpointSelector(tmp_path / "run", cycles=[2, 2], k=1, min_gain=None)
    for epoch in range(4):
        selector.step(epoch, epoch / 10, network(epoch), lr=0.1)
    return tmp_path / "run"


def in_memory(seeds, image):
    return CheckpointEnsemble([network(seed) for seed in seeds]).predict(image).mean_prob


def test_files_predict_as_the_models_they_hold(files, image):
    prediction = CheckpointEnsemble.from_checkpoints(files, network(9)).predict(image)
    assert torch.equal(prediction.mean_prob, in_memory(range(3), image))


def test_a_run_predicts_as_the_models_that_were_kept(run, image):
    assert torch.equal(
        CheckpointEnsemble.from_run(run, network(9)).predict(image).mean_prob, in_memory([1, 3], image)
    )
    chosen = CheckpointEnsemble.from_run(run, network(9), epochs=[3])
    assert len(chosen) == 1
    assert torch.equal(chosen.predict(image).mean_prob, in_memory([3], image))


def test_epochs_that_were_not_kept_are_named(run):
    with pytest.raises(ManifestError, match=r"no kept snapshot of epochs \[0, 2\], it has \[1, 3\]"):
        CheckpointEnsemble.from_run(run, network(9), epochs=[0, 2, 3])


def test_the_callers_module_comes_back_untouched(files, image):
    model = network(9)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    CheckpointEnsemble.from_checkpoints(files, model).predict(image)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert [part.training for part in model.modules()] == modes


class Wrapped(nn.Module):
    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


def test_a_compiled_model_is_unwrapped(files, image):
    prediction = CheckpointEnsemble.from_checkpoints(files, Wrapped(network(9))).predict(image)
    assert torch.equal(prediction.mean_prob, in_memory(range(3), image))


def test_a_model_without_memory_needs_a_device(files, image):
    with torch.device("meta"):
        empty = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))
    with pytest.raises(ArgumentError, match="device must be named"):
        CheckpointMembers(files, empty)
    prediction = CheckpointEnsemble.from_checkpoints(files, empty, device="cpu").predict(image)
    assert torch.equal(prediction.mean_prob, in_memory(range(3), image))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(3, 3, bias=False)
        self.decode = nn.Linear(3, 3, bias=False)
        self.decode.weight = self.encode.weight

    def forward(self, x):
        return self.decode(self.encode(x))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_tied_weights_stay_tied(tmp_path, suffix):
    models = [Tied(), Tied()]
    paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for path, model in zip(paths, models, strict=True):
        save_weights(path, model)
    x = torch.randn(3)
    from_files = CheckpointEnsemble.from_checkpoints(paths, Tied()).predict(x)
    torch.testing.assert_close(from_files.mean_prob, CheckpointEnsemble(models).predict(x).mean_prob)


def test_half_precision_snapshots_predict_in_the_precision_of_the_model(tmp_path, image):
    path = tmp_path / "half.pt"
    save_weights(path, network(0), dtype=torch.float16)
    prediction = CheckpointEnsemble.from_checkpoints([path], network(9)).predict(image)
    torch.testing.assert_close(prediction.mean_prob, in_memory([0], image), atol=2e-3, rtol=0)
    assert prediction.mean_prob.dtype == torch.float32


def test_one_set_of_weights_is_alive_at_a_time(files, image, monkeypatch):
    alive: list[weakref.ref] = []
    most = []
    load = member_files.load_weights

    def watched(path, **options):
        gc.collect()
        most.append(sum(ref() is not None for ref in alive))
        state = load(path, **options)
        alive.append(weakref.ref(state["0.weight"]))
        return state

    monkeypatch.setattr(member_files, "load_weights", watched)
    ensemble = CheckpointEnsemble.from_checkpoints(files, network(9))
    ensemble.predict_batch([image, image])
    ensemble.predict(image, progress=True)
    assert most == [0] * 6


def test_a_damaged_file_is_named_and_the_others_stay_usable(run, image):
    model = network(9)
    victim = sorted(run.glob("*.pt"))[0]
    kept = victim.read_bytes()
    victim.write_bytes(kept[:-20])
    with pytest.raises(CheckpointError, match=victim.name):
        CheckpointEnsemble.from_run(run, model).predict(image)
    assert torch.equal(
        CheckpointEnsemble.from_run(run, model, epochs=[3]).predict(image).mean_prob, in_memory([3], image)
    )


def test_a_file_that_is_exchanged_between_two_predictions_is_noticed(run, image):
    ensemble = CheckpointEnsemble.from_run(run, network(9))
    ensemble.predict(image)
    first, second = sorted(run.glob("*.pt"))
    shutil.copyfile(second, first)
    with pytest.raises(CheckpointError, match=first.name):
        ensemble.predict(image)


def test_a_file_of_another_model_is_named(files, image):
    other = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1))
    with pytest.raises(CheckpointError, match=r"0\.pt"):
        CheckpointEnsemble.from_checkpoints(files, other).predict(image)


@pytest.mark.parametrize("paths", [[], "one.pt"])
def test_paths_must_be_a_list(paths):
    with pytest.raises(ArgumentError, match="non-empty list of checkpoint files"):
        CheckpointEnsemble.from_checkpoints(paths, network(0))


class Positions(nn.Module):
    """A model with a buffer that is not saved."""

    def __init__(self, device="cpu") -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((2, 1, 1), 2.0, device=device))
        self.register_buffer("offset", torch.ones(2, 1, 1, device=device), persistent=False)

    def forward(self, x):
        return x * self.scale + self.offset


def test_buffers_that_no_file_holds_come_to_the_device_too(tmp_path):
    save_weights(tmp_path / "a.pt", Positions())
    source = CheckpointMembers([tmp_path / "a.pt"], Positions(), device="meta")
    (member,) = source.members()
    assert member.forward(torch.zeros(1, 2, 3, 3, device="meta")).device.type == "meta"
    here = CheckpointEnsemble.from_checkpoints([tmp_path / "a.pt"], Positions(), outputs="regions")
    assert here.predict(torch.zeros(2, 3, 3)).mean_prob[0, 0, 0] == torch.sigmoid(torch.tensor(1.0))


@pytest.mark.parametrize("wrap", [nn.DataParallel, AveragedModel])
def test_wrappers_are_taken_off(run, image, wrap):
    plain, wrapped = (
        CheckpointEnsemble.from_run(run, model).predict(image).mean_prob
        for model in (network(9), wrap(network(9)))
    )
    assert torch.equal(plain, wrapped)
