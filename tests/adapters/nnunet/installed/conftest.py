"""Collected only where nnU-Net is installed; what takes long is made once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from ckpt_uq.manifest import RunManifest, read_run
from nnunet_session import Session, kill_in_epoch, planned

collect_ignore_glob = ["plugin/*"] if find_spec("nnunetv2") else ["*"]


@pytest.fixture(scope="session")
def session(tmp_path_factory) -> Session:
    """A planned and preprocessed data set."""
    return planned(tmp_path_factory.mktemp("nnunet"))


@dataclass(frozen=True)
class Killed:
    """A training that was killed and resumed: its model folder, and the manifest as the kill left it."""

    model: Path
    at_kill: RunManifest
    checkpoint_at_kill: Path


@pytest.fixture(scope="session")
def killed(session) -> Killed:
    """Cycles of 1, 2, 2 and 5 epochs in 2d, killed in the fifth epoch or later, then continued to the end."""
    arguments = session.train("2d", "nnUNetTrainerOften")
    model = session.model("nnUNetTrainerOften", "2d")
    snapshots = model / "fold_0" / "snapshots"
    kill_in_epoch(session.start("nnUNetv2_train", *arguments), snapshots, 4)
    at_kill = read_run(snapshots)
    checkpoint = shutil.copy(model / "fold_0/checkpoint_latest.pth", session.root / "at_kill.pth")
    session.run("nnUNetv2_train", *arguments, "--c")
    return Killed(model, at_kill, Path(checkpoint))


@pytest.fixture(scope="session")
def model_3d(session) -> Path:
    """A plain training in 3d with snapshots at 60 to 100 %."""
    session.run("nnUNetv2_train", *session.train("3d_fullres", "nnUNetTrainerFractionsOnly"))
    return session.model("nnUNetTrainerFractionsOnly", "3d_fullres")
