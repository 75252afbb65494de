"""Every stage of the example on simulated CT, by real processes of nnU-Net, in small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ckpt_uq
import kits23
from ckpt_uq.io.scores_csv import read_scores
from kits23.training.selection import selected
from kits23.work import Work

pytestmark = [pytest.mark.nnunet, pytest.mark.timeout(900)]
SYSTEMS = ("rel_unet", "full_train")
ROOTS = [str(Path(str(package.__file__)).parents[1]) for package in (ckpt_uq, kits23)]


def run(root: Path) -> str:
    """``kits23 run`` as a process; what it prints."""
    command = [sys.executable, "-W", "ignore", "-c", "from kits23.cli import main; main()", "run", root]
    length = ["--epochs", 10, "--iterations", 2, "--validation-iterations", 1]
    systems = [word for name in SYSTEMS for word in ("--system", name)]
    arguments = ["--simulate", 6, "--device", "cpu", *length, *systems]
    settings = {"PYTHONPATH": os.pathsep.join(ROOTS), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*map(str, command), *map(str, arguments)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Work:
    root = tmp_path_factory.mktemp("kits23") / "work"
    run(root)
    return Work(root)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_test_case_is_predicted_and_measured(work, system):
    names = {path.name.removesuffix("_0000.nii.gz") for path in (work.raw / "imagesTs").iterdir()}
    assert set(read_scores(work.predictions / system / "scores.csv")) == names
    metrics = json.loads((work.evaluation / system / "metrics.json").read_text())
    assert metrics["n_cases"] == len(names)
    assert 0 <= metrics["ece_percent"] <= 100
    assert (work.predictions / system / f"cases/{min(names)}/entropy_class_2.nii.gz").is_file()


def test_the_members_are_those_of_the_manifests(work):
    members = {one.name.partition("__")[0]: one.epochs for one in selected(work)}
    assert members["nnUNetTrainerFullTrain"] == (5, 6, 7, 8, 9)
    assert len(members["nnUNetTrainerRelUNet"]) >= 1
    (case, *_) = (work.predictions / "full_train/cases").iterdir()
    said = json.loads((case / "case.json").read_text())
    assert said["members"] == [f"fold_0/snapshot-{epoch:04d}.pt" for epoch in (5, 6, 7, 8, 9)]


def test_the_report_shows_both(work):
    page = work.report.read_text()
    assert "Rel-UNet" in page
    assert "Full-train" in page


def test_what_is_done_is_not_done_again(work):
    made = {path: path.stat().st_mtime_ns for path in work.predictions.rglob("*.nii.gz")}
    said = run(work.root)
    assert said.count("finished before, ") == 2, "trainings"
    assert said.count("0 predicted") == 2, "cases"
    assert made == {path: path.stat().st_mtime_ns for path in work.predictions.rglob("*.nii.gz")}
