"""What the example asks of nnU-Net, without nnU-Net: plans, arguments, order, logs."""

from __future__ import annotations

import json
import sys
import time
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ckpt_uq.adapters.nnunet.plugin_folder import plugin_folder
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.selection import PeakCheckpointSelector
from kits23.cli import app
from kits23.commands import run as run_module
from kits23.training import planning, prediction, programs, training
from kits23.training.plans import PLANNED, PLANS, rel_unet_plans
from kits23.training.programs import ProgramError, environment, run_program
from kits23.training.recipes import RECIPES, Training, recipe, trainings_of
from kits23.training.selection import selected
from kits23.training.training import Length, epochs_done, train
from kits23.work import DATASET, Work

NORMALISATION = {"normalization_schemes": ["ZScoreNormalization"]}
PLANNER_SAID = {
    "plans_name": PLANNED,
    "configurations": {
        name: {
            "data_identifier": f"nnUNetPlans_{name}",
            "batch_size": 13,
            "patch_size": patch,
            "architecture": {"arch_kwargs": {"n_stages": 8, "strides": [[1] * len(patch)] * 8}},
            **NORMALISATION,
        }
        for name, patch in (("2d", [512, 512]), ("3d_fullres", [80, 192, 160]), ("3d_lowres", [80, 192, 160]))
    },
}


def test_the_papers_batch_and_folders_of_its_own():
    before = deepcopy(PLANNER_SAID)
    plans = rel_unet_plans(PLANNER_SAID)
    assert before == PLANNER_SAID, "the planner's plans stay as they are"
    assert plans["plans_name"] == PLANS
    found = plans["configurations"]
    assert list(found) == ["2d", "3d_fullres"]
    assert {name: one["batch_size"] for name, one in found.items()} == {"2d": 40, "3d_fullres": 13}
    assert found["2d"]["patch_size"] == [512, 512]
    assert found["2d"]["data_identifier"] == "RelUNetPlans_2d_ZScoreNormalization"
    assert found["2d"]["architecture"] == PLANNER_SAID["configurations"]["2d"]["architecture"]


def test_small_networks_fit_their_patches():
    for name, one in rel_unet_plans(PLANNER_SAID, small=True)["configurations"].items():
        arguments = one["architecture"]["arch_kwargs"]
        n_stages = arguments["n_stages"]
        assert {len(arguments[key]) for key in ("features_per_stage", "kernel_sizes", "strides")} == {
            n_stages
        }
        assert len(arguments["n_conv_per_stage_decoder"]) == n_stages - 1
        reached = torch.tensor(arguments["strides"]).prod(0)
        assert (torch.tensor(one["patch_size"]) % reached == 0).all(), name
        assert {len(step) for step in arguments["strides"]} == {len(one["patch_size"])}


def test_systems_share_their_trainings():
    assert recipe("rel_unet").trainings == recipe("rel_unet_single").trainings
    assert set(recipe("full_train").trainings) < set(recipe("five_fold").trainings)
    every = trainings_of(list(RECIPES))
    assert len(every) == len(set(every)) == 11
    with pytest.raises(ArgumentError, match=r"--system must be one of rel_unet, .*, got 'phiseg'"):
        recipe("phiseg")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    folder = Work(tmp_path / "work")
    (folder.raw / "imagesTs").mkdir(parents=True)
    folder.preparation.write_text("{}")
    folder.splits.write_text('[{"train": ["a"], "val": ["b"]}]')
    return folder


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(programs, "require_nnunet", lambda: None)


PRINT = "import os, sys; print({}, flush=True); {}"


def test_a_program_sees_the_folders_and_the_trainers_and_leaves_a_log(work, installed, monkeypatch):
    monkeypatch.setenv("nnUNet_extTrainer", "/mine")
    names = ["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results", "nnUNet_extTrainer", "CKPT_UQ_EPOCHS"]
    code = PRINT.format(f"[os.environ[name] for name in {names}]", "pass")
    for _ in range(2):
        run_program(work, Path(sys.executable).name, ["-c", code], settings={"CKPT_UQ_EPOCHS": "8"}, log="a")
    folders = [str(work.root / name) for name in names[:3]]
    said = str([*folders, f"/mine:{plugin_folder()}", "8"])
    assert (work.root / "logs/a.txt").read_text() == f"{said}\n" * 2


def test_relative_folders_are_made_whole(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert environment(Work(Path("work")))["nnUNet_raw"] == str(tmp_path / "work/nnUNet_raw")


def test_a_program_that_fails_is_quoted(work, installed):
    code = PRINT.format("'no space left'", "sys.exit(7)")
    with pytest.raises(ProgramError, match=r"failed, exit code 7; the end of .*a\.txt is:\n  no space left"):
        run_program(work, Path(sys.executable).name, ["-c", code], log="a")


def test_an_interruption_ends_the_program_and_what_it_started(work, installed):
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    log = work.root / "logs/a.txt"

    def interrupt():
        if log.read_text().endswith("\n"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_program(work, Path(sys.executable).name, ["-c", code], log="a", while_running=interrupt)
    child = Path(f"/proc/{int(log.read_text())}/stat")
    deadline = time.monotonic() + 20
    while child.exists() and child.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.05)


def test_without_nnunet_it_says_what_to_install(work, monkeypatch):
    monkeypatch.setattr("ckpt_uq.adapters.nnunet.requirement.find_spec", {"nnunetv2": None}.get)
    with pytest.raises(ArgumentError, match="pip install"):
        run_program(work, "nnUNetv2_train", [], log="a")
    assert not (work.root / "logs").exists()


class Programs:
    """Stands for nnU-Net's programs: remembers how they were called, and writes the planner's file."""

    def __init__(self):
        self.calls = []

    def __call__(self, work, program, arguments, *, settings, log, while_running=lambda: None):
        self.calls.append([program, *arguments])
        self.settings = settings
        if program == "nnUNetv2_plan_experiment":
            folder = work.nnunet_preprocessed / DATASET
            folder.mkdir(parents=True)
            (folder / f"{PLANNED}.json").write_text(json.dumps(PLANNER_SAID))
        if program == "nnUNetv2_preprocess":
            assert not planning.planned_mark(work).exists(), "it is not planned before this has ended"
        while_running()


@pytest.fixture
def called(monkeypatch):
    calls = Programs()
    monkeypatch.setattr(planning, "run_program", calls)
    monkeypatch.setattr(training, "run_program", calls)
    return calls


def test_plan_runs_fingerprint_planner_and_preprocessing_on_its_own_plans(work, called):
    planning.plan(work, configurations=["2d"], n_processes=3)
    assert [call[0] for call in called.calls] == [
        "nnUNetv2_extract_fingerprint",
        "nnUNetv2_plan_experiment",
        "nnUNetv2_preprocess",
    ]
    assert called.calls[1][1:] == ["-d", "220", "-pl", "nnUNetPlannerResEncL"]
    assert called.calls[2][1:7] == ["-d", "220", "-plans_name", PLANS, "-c", "2d"]
    folder = work.nnunet_preprocessed / DATASET
    assert json.loads((folder / f"{PLANS}.json").read_text()) == rel_unet_plans(PLANNER_SAID)
    assert (folder / "splits_final.json").read_text() == work.splits.read_text()
    planning.require_planned(work, "2d")
    with pytest.raises(ArgumentError, match=r"cases of 3d_fullres, .* has those of 2d; run kits23 plan"):
        planning.require_planned(work, "3d_fullres")


def test_plan_asks_for_data(tmp_path, called):
    with pytest.raises(ArgumentError, match="run kits23 prepare first"):
        planning.plan(Work(tmp_path))
    assert called.calls == []


def test_damaged_plans_are_named(work, called):
    planning.planned_mark(work).write_text("[1")
    with pytest.raises(DataError, match=r"plan\.json must be readable plans"):
        planning.require_planned(work, "2d")


ONE = Training("nnUNetTrainerRelUNet", "2d", 0)


@pytest.fixture
def planned(work, called):
    planning.plan(work)
    called.calls.clear()
    return work


def save_checkpoint(work: Work, one: Training, name: str) -> None:
    one.folder(work).mkdir(parents=True, exist_ok=True)
    (one.folder(work) / f"checkpoint_{name}.pth").touch()


def test_a_training_starts_goes_on_and_is_left_alone_when_finished(planned, called, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    start = ["nnUNetv2_train", "220", "2d", "0", "-tr", ONE.trainer, "-p", PLANS, "-device", "cpu"]
    assert train(planned, ONE, device="cpu", length=Length(40, 5, 2), n_workers=0)
    assert called.calls.pop() == start
    assert called.settings == {
        "CKPT_UQ_EPOCHS": "40",
        "CKPT_UQ_ITERATIONS": "5",
        "CKPT_UQ_VALIDATION_ITERATIONS": "2",
        "nnUNet_n_proc_DA": "0",
        "nnUNet_def_n_proc": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    save_checkpoint(planned, ONE, "best")
    assert train(planned, ONE, device="cpu")
    assert called.calls.pop() == [*start, "--c"]
    assert called.settings == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "nnUNet_n_proc_DA": "0",
        "nnUNet_def_n_proc": "1",
    }
    save_checkpoint(planned, ONE, "final")
    assert not train(planned, ONE, device="cpu")
    assert called.calls == []


@pytest.mark.parametrize("there", [True, False])
def test_a_gpu_is_taken_where_there_is_one(planned, called, monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    train(planned, ONE)
    assert called.calls[0][-1] == ("cuda" if there else "cpu")
    assert ("nnUNet_n_proc_DA" in called.settings) is not there, "with a GPU nnU-Net chooses"


def test_a_training_asks_for_plans(work, called):
    with pytest.raises(ArgumentError, match="run kits23 plan first"):
        train(work, ONE)
    assert called.calls == []


def keep_epochs(work: Work, one: Training, n: int) -> None:
    selector = PeakCheckpointSelector(one.folder(work) / "snapshots", cycles=[2, 2], k=1)
    for epoch, score in enumerate([0.1, 0.5, 0.2, 0.7][:n]):
        selector.step(epoch, score, torch.nn.Linear(1, 1))


def test_progress_and_selection_are_read_from_the_manifest(planned, called):
    seen = []
    assert epochs_done(planned, ONE) == (0, 1)
    with pytest.raises(ArgumentError, match="run kits23 train"):
        selected(planned)
    keep_epochs(planned, ONE, 3)
    train(planned, ONE, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 4)]
    (one,) = selected(planned)
    assert (one.name, one.epochs, one.n_done) == (f"{ONE.model(planned).name}/fold_0", (1,), 3)
    shown = CliRunner().invoke(app, ["select", str(planned.root)]).output
    assert "3 of 4 epochs done, members: 1\n" in shown
    assert "cycle 0: 1 (0.5); kept" in shown
    assert "cycle 1: 3" not in shown
    plain = json.loads(CliRunner().invoke(app, ["select", str(planned.root), "--json"]).output)
    assert plain[one.name]["members"] == [1]


def test_the_train_command_takes_the_systems_folds(planned, called):
    arguments = ["train", str(planned.root), "--system", "five_fold", "--fold", "3", "--device", "cpu"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert [call[1:4] for call in called.calls] == [["220", "2d", "3"]]


def test_only_what_is_trained_is_predicted(planned, monkeypatch):
    with pytest.raises(ArgumentError, match="run kits23 train"):
        prediction.trained_systems(planned)
    with pytest.raises(ArgumentError, match=r"rel_unet must be trained to the end, .* --system rel_unet"):
        prediction.predict(planned, "rel_unet")
    save_checkpoint(planned, ONE, "final")
    assert prediction.trained_systems(planned) == ["rel_unet", "rel_unet_single"]
    calls = []
    monkeypatch.setattr(
        prediction, "predict_cohort", lambda *arguments, **options: calls.append((arguments, options))
    )
    prediction.predict(planned, "rel_unet_single", device="cpu", n_parts=2, part_id=1)
    ((settings, images, out), options) = calls[0]
    assert (list(settings.models), settings.folds, settings.checkpoints) == (
        [ONE.model(planned)],
        ["0"],
        "best",
    )
    assert (images, out) == (planned.raw / "imagesTs", planned.predictions / "rel_unet_single")
    assert (options["save_probs"], options["n_parts"], options["part_id"]) == (True, 2, 1)


class Stages:
    """Stands for the commands that run calls."""

    def __init__(self, work, failing=()):
        self.calls, self.options, self.work, self.failing = [], {}, work, failing

    def __call__(self, name):
        def command(*arguments, **options):
            import typer

            self.calls.append(name)
            self.options[name] = options
            if name in self.failing:
                raise typer.Exit(3)

        return command


def run(*arguments):
    return CliRunner().invoke(app, ["run", *map(str, arguments)])


ALL = ["prepare", "plan", "train", "select", "predict", "evaluate", "report"]


def test_run_is_every_stage_in_order(tmp_path, monkeypatch):
    stages = Stages(tmp_path)
    monkeypatch.setattr(run_module, "_command", stages)
    done = run(tmp_path, "--simulate", 8, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert stages.calls == ALL
    assert stages.options["prepare"] == {"checkout": None, "simulate": 8}
    assert stages.options["plan"]["small"]
    assert "five_fold" not in stages.options["train"]["system"]
    assert stages.options["train"]["epochs"] == 24
    assert stages.options["predict"]["mirror"] == "none"


def test_run_of_kits23_is_the_papers(tmp_path, monkeypatch):
    stages = Stages(tmp_path)
    monkeypatch.setattr(run_module, "_command", stages)
    assert run(tmp_path, "--from", tmp_path).exit_code == 0
    assert not stages.options["plan"]["small"]
    assert "five_fold" in stages.options["train"]["system"]
    assert stages.options["train"]["epochs"] is None
    assert stages.options["predict"]["mirror"] == "average"


def test_run_passes_over_what_is_done_and_goes_on_after_failed_cases(planned, monkeypatch):
    stages = Stages(planned, failing=("predict",))
    monkeypatch.setattr(run_module, "_command", stages)
    assert run(planned.root).exit_code == 3
    assert stages.calls == ALL[2:]
