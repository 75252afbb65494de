from __future__ import annotations

import shutil

import pytest
import torch

from ckpt_uq.adapters.nnunet.model_folder import describing_checkpoint, find_members
from ckpt_uq.checkpoints import record_of
from ckpt_uq.errors import ArgumentError, CheckpointError, ManifestError
from ckpt_uq.selection import PeakCheckpointSelector


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model of three folds: two with snapshots, and one of all cases."""
    folder = tmp_path_factory.mktemp("models") / "nnUNetTrainerRelUNet__nnUNetPlans__2d"
    for fold in ("0", "1", "all"):
        here = folder / f"fold_{fold}"
        here.mkdir(parents=True)
        for name in ("final", "best"):
            (here / f"checkpoint_{name}.pth").write_bytes(f"{fold} {name}".encode())
    for fold in ("0", "1"):
        selector = PeakCheckpointSelector(folder / f"fold_{fold}" / "snapshots", cycles=[2, 2, 2], k=1)
        for epoch, score in enumerate([0.1, 0.2, 0.1, 0.3, 0.1, 0.25]):
            selector.step(epoch, score, torch.nn.Linear(1, 1))
    for name in ("plans.json", "dataset.json"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / made.name)


def names(members):
    return [member.name for member in members]


def test_snapshots_of_every_numbered_fold_come_first(folder):
    found = find_members(folder)
    expected = [f"fold_{fold}/snapshot-000{epoch}.pt" for fold in "01" for epoch in (1, 3)]
    assert names(found) == expected
    assert [member.record for member in found] == [record_of(member.path) for member in found]


def test_without_snapshots_the_final_checkpoints_do(folder):
    for fold in "01":
        shutil.rmtree(folder / f"fold_{fold}" / "snapshots")
    assert names(find_members(folder)) == ["fold_0/checkpoint_final.pth", "fold_1/checkpoint_final.pth"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"folds": ["all"], "checkpoints": "best"}, ["fold_all/checkpoint_best.pth"]),
        ({"folds": ["1"], "checkpoints": "final"}, ["fold_1/checkpoint_final.pth"]),
        ({"folds": ["0"], "epochs": [3]}, ["fold_0/snapshot-0003.pt"]),
        (
            {"folds": ["0"], "checkpoints": "checkpoint_*.pth"},
            ["fold_0/checkpoint_best.pth", "fold_0/checkpoint_final.pth"],
        ),
        ({"folds": ["1", "1"], "checkpoints": "snapshots/*1.pt"}, ["fold_1/snapshot-0001.pt"]),
    ],
)
def test_folds_checkpoints_and_epochs_can_be_chosen(folder, options, expected):
    assert names(find_members(folder, **options)) == expected


def test_a_fold_of_all_cases_is_taken_where_it_is_alone(folder):
    for fold in "01":
        shutil.rmtree(folder / f"fold_{fold}")
    assert names(find_members(folder)) == ["fold_all/checkpoint_final.pth"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"folds": ["7"]}, ArgumentError, r"has 0, 1, all, got 7"),
        ({"checkpoints": "best", "epochs": [1]}, ArgumentError, "epochs choose among snapshots"),
        ({"checkpoints": ""}, ArgumentError, "must be a pattern within a fold"),
        ({"checkpoints": "/etc/*"}, ArgumentError, "must be a pattern within a fold"),
        ({"checkpoints": "latest"}, CheckpointError, "it has checkpoint_best.pth, checkpoint_final.pth"),
        ({"epochs": [2, 3]}, ManifestError, r"no kept snapshot of epochs \[2\], it has \[1, 3\]"),
        ({"folds": ["all"], "checkpoints": "snapshots"}, ManifestError, "manifest.json is missing"),
    ],
)
def test_what_is_not_there_is_named(folder, options, error, words):
    with pytest.raises(error, match=words):
        find_members(folder, **options)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"found no plans\.json and no dataset\.json"):
        find_members(tmp_path)


def test_nnunets_own_checkpoints_describe_the_snapshots(folder):
    members = find_members(folder, folds=["1"])
    assert describing_checkpoint(folder, members) == folder / "fold_1/checkpoint_final.pth"
    (folder / "fold_1/checkpoint_final.pth").unlink()
    assert describing_checkpoint(folder, members) == folder / "fold_1/checkpoint_best.pth"
    (folder / "fold_1/checkpoint_best.pth").unlink()
    with pytest.raises(CheckpointError, match=r"in one of its folds 1, which says how the network"):
        describing_checkpoint(folder, members)


def test_a_checkpoint_of_another_name_describes_itself(folder):
    own = folder / "fold_1/checkpoint_final.pth"
    other = own.rename(own.with_name("epoch_7.pth"))
    own.with_name("checkpoint_best.pth").unlink()
    members = find_members(folder, folds=["1"], checkpoints="epoch_*.pth")
    assert describing_checkpoint(folder, members) == other
