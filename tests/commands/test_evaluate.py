"""``ckpt-uq evaluate``: the right numbers of good cases, a word about bad ones, and nothing half done."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from command_line import COMMAND, WIDE, here, process
from commands_tiny import AFFINE, image_of, save_nifti
from reference import bins as reference_bins
from reference.dice import dice

NAMES = "abc"
SETTLED = ("metrics.json", "scores.csv", "calibration_bins.json")


def truth_of(index: int) -> np.ndarray:
    """Labels 0 to 2 that the tiny run gets partly right."""
    return np.digitize(image_of(index), [5, 12]).astype(np.uint8)


@pytest.fixture(scope="session")
def _predicted(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("predicted")
    for index, name in enumerate(NAMES):
        save_nifti(root / "images" / f"{name}.nii.gz", image_of(index))
        save_nifti(root / "labels" / f"{name}.nii.gz", truth_of(index))
    call = ("--model", "my_network:make", "--preprocess", "my_network:tenth", "--inferer", "slices")
    out = ("-o", root / "out", "--save-probs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny.folder)
        patch.syspath_prepend(tiny.folder)
        done = here("predict", tiny.run, *call, root / "images", *out)
    assert done.exit_code == 0, done.stderr
    return root


@pytest.fixture
def predicted(_predicted: Path, tmp_path: Path) -> Path:
    """A folder with three predicted cases in out/ and their labels/."""
    return shutil.copytree(_predicted, tmp_path / "predicted")


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def dice_of(root: Path, index: int, label: int) -> float:
    made = nib.load(root / "out/cases" / NAMES[index] / "segmentation.nii.gz")
    return dice(np.asarray(made.dataobj).T, truth_of(index), label)


def ece_percent(root: Path) -> float:
    """Top-label ECE over the voxels of all cases, in exact arithmetic."""
    confidences: list[float] = []
    correct: list[bool] = []
    for index, name in enumerate(NAMES):
        with np.load(root / "out/cases" / name / "mean_probs.npz") as arrays:
            probs = arrays["probabilities"].astype(np.float64).reshape(3, -1).T
        found = reference_bins.top_label(probs.tolist(), truth_of(index).ravel().tolist())
        confidences += found[0]
        correct += found[1]
    return 100 * float(reference_bins.ece(reference_bins.bins_of(confidences, correct, 15)))


def test_a_cohort_as_a_shell_sees_it(predicted: Path) -> None:
    out = predicted / "scored"
    done = process("evaluate", predicted / "out", predicted / "labels", "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"3 cases: {out}\nDice ")
    assert "Traceback" not in done.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    table = [[dice_of(predicted, index, label) for label in (1, 2)] for index in range(3)]
    assert metrics["dice_mean"] == pytest.approx(np.mean(table))
    assert list(metrics["dice_per_class"].values()) == pytest.approx(np.mean(table, axis=0).tolist())
    assert metrics["ece_percent"] == pytest.approx(ece_percent(predicted), abs=1e-4)
    rows = rows_of(out / "scores.csv")
    assert [float(rows[name]["dice_mean"]) for name in NAMES] == pytest.approx(np.mean(table, 1).tolist())
    carried = rows_of(predicted / "out/scores.csv")
    assert all(rows[name]["mean_entropy_bits"] == carried[name]["mean_entropy_bits"] for name in NAMES)


def test_json_is_what_the_file_says_and_nothing_else(predicted: Path) -> None:
    call = ("evaluate", predicted / "out", predicted / "labels", "-o", predicted / "out")
    done = here(*call, "--json", "--classes", "organ,lesion", "--roi-pixels", 1)
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads((predicted / "out/metrics.json").read_text())
    assert set(told["dice_per_class"]) == {"organ", "lesion"}
    assert told["dice_per_class"]["lesion"] == pytest.approx(
        np.mean([dice_of(predicted, index, 2) for index in range(3)])
    )
    again = here(*call, "--json", "--classes", "organ,lesion", "--roi-pixels", 1)
    assert json.loads(again.stdout) == told  # what it wrote into the folder is not taken for an uncertainty


def test_the_golden_case(predicted: Path) -> None:
    """Numbers of a case that is small enough to be looked at, as they were when they were right."""
    for name in "bc":
        shutil.rmtree(predicted / "out/cases" / name)
    call = ("evaluate", predicted / "out", predicted / "labels", "-o", predicted / "scored")
    done = here(*call, "--roi-pixels", 0, "--json")
    assert done.exit_code == 0, done.stderr
    golden = json.loads((Path(__file__).parent / "golden/evaluate.json").read_text())
    told = json.loads(done.stdout)
    assert {name: told[name] for name in golden} == {
        name: value if isinstance(value, str | None) else pytest.approx(value, abs=1e-5)
        for name, value in golden.items()
    }
    assert "2 labels have no prediction, as b, c" in done.stderr


def spoil(root: Path, fault: str) -> None:
    """Do to case b what can be done to a case."""
    labels, case, truth = root / "labels/b.nii.gz", root / "out/cases/b", truth_of(1)
    if fault == "labels unreadable":
        labels.write_bytes(b"no gzip at all")
    elif fault == "labels empty":
        labels.write_bytes(b"")
    elif fault == "labels missing":
        labels.unlink()
    elif fault == "labels of another shape":
        save_nifti(labels, truth[:, :4])
    elif fault == "labels elsewhere":
        save_nifti(labels, truth, AFFINE + np.eye(4))
    elif fault == "labels with time":
        nib.Nifti1Image(np.zeros((8, 6, 3, 2), np.uint8), AFFINE).to_filename(labels)
    elif fault == "labels of no class":
        save_nifti(labels, truth + 7)
    elif fault == "labels negative":
        save_nifti(labels, truth.astype(np.int16) - 1)
    elif fault == "labels between classes":
        save_nifti(labels, truth + np.float32(0.5))
    elif fault == "prediction interrupted":
        (case / "case.json").unlink()
    elif fault == "segmentation damaged":
        data = (case / "segmentation.nii.gz").read_bytes()
        (case / "segmentation.nii.gz").write_bytes(data[: len(data) // 2])
    elif fault == "probabilities empty":
        (case / "mean_probs.npz").write_bytes(b"")
    else:
        assert fault == "probabilities of another shape"
        np.savez(case / "mean_probs.npz", probabilities=np.full((3, 3, 6, 4), 1 / 3, np.float16))


FAULTS = {
    "labels unreadable": "labels/b.nii.gz",
    "labels empty": "labels/b.nii.gz",
    "labels missing": "labels must hold b, found none in",
    "labels of another shape": "labels and prediction must lie in the same place",
    "labels elsewhere": "labels and prediction must lie in the same place",
    "labels with time": "must hold a volume with 3 axes, got shape (8, 6, 3, 2)",
    "labels of no class": "labels must",
    "labels negative": "labels must",
    "labels between classes": "must hold whole numbers",
    "prediction interrupted": "cases/b must be finished, but has no case.json",
    "segmentation damaged": "cases/b/segmentation.nii.gz",
    "probabilities empty": "cases/b/mean_probs.npz",
    "probabilities of another shape": "must have the segmentation's grid (3, 6, 8), got (3, 6, 4)",
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.items(), ids=list(FAULTS))
def test_a_bad_case_is_named_and_the_others_are_scored(predicted: Path, fault: str, message: str) -> None:
    spoil(predicted, fault)
    out = predicted / "scored"
    done = here("evaluate", predicted / "out", predicted / "labels", "-o", out, "--json")
    assert done.exit_code == 3, done.stderr
    told = json.loads(done.stdout)
    assert (told["n_cases"], told["failed"]) == (2, ["b"])
    said = next(line for line in done.stderr.splitlines() if line.startswith("b failed: "))
    assert message in said
    assert "Traceback" not in done.stderr
    assert list(rows_of(out / "scores.csv")) == ["a", "c"]
    assert told["dice_mean"] == pytest.approx(
        np.mean([dice_of(predicted, index, label) for index in (0, 2) for label in (1, 2)])
    )


def test_debug_shows_where_a_case_failed(predicted: Path) -> None:
    spoil(predicted, "labels empty")
    call = ("evaluate", predicted / "out", predicted / "labels", "-o", predicted / "scored")
    done = here("--debug", *call)
    assert done.exit_code == 3
    assert "Traceback" in done.stderr


def test_no_case_that_can_be_scored_is_said_and_is_no_zero(predicted: Path) -> None:
    for name in NAMES:
        (predicted / "labels" / f"{name}.nii.gz").write_bytes(b"")
    done = here("evaluate", predicted / "out", predicted / "labels", "-o", predicted / "scored", "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert (told["n_cases"], told["dice_mean"], told["failed"]) == (0, None, ["a", "b", "c"])


def test_without_probabilities_calibration_is_left_out_and_said(predicted: Path) -> None:
    (predicted / "out/cases/b/mean_probs.npz").unlink()
    out = predicted / "scored"
    done = here("evaluate", predicted / "out", predicted / "labels", "-o", out)
    assert done.exit_code == 0
    assert "no calibration: not every case has mean_probs.npz" in done.stdout
    assert json.loads((out / "metrics.json").read_text())["ece_percent"] is None
    assert not (out / "calibration_bins.json").exists()


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"predictions": "{root}/nowhere"}, 1, "predictions must hold cases/NAME/segmentation.nii.gz"),
        ({"predictions": "{root}/labels"}, 1, "predictions must hold cases/NAME/segmentation.nii.gz"),
        ({"labels": "{root}/nowhere"}, 1, "labels must be a folder of NAME.nii.gz, found none at"),
        ({"labels": "{root}/labels/a.nii.gz"}, 1, "labels must be a folder of NAME.nii.gz, found none at"),
        ({"labels": "{root}/out"}, 1, "images must end in"),
        ({"--out": "{root}/labels/a.nii.gz"}, 1, "out must be a folder that can be written to"),
        ({"--out": "/proc/self/out"}, 1, "out must be a folder that can be written to"),
        ({"--roi-pixels": "-1"}, 2, "--roi-pixels"),
        ({"--roi-pixels": "few"}, 2, "--roi-pixels"),
    ],
)
def test_what_stops_all_is_one_message(predicted: Path, change, code: int, message: str) -> None:
    given = {"predictions": "{root}/out", "labels": "{root}/labels", "--out": "{root}/scored", **change}
    words = [
        given.pop("predictions"),
        given.pop("labels"),
        *(word for pair in given.items() for word in pair),
    ]
    done = here("evaluate", *(word.format(root=predicted) for word in words))
    assert done.exit_code == code
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_table_that_cannot_be_written_stops_it_and_keeps_the_old_one(predicted: Path) -> None:
    """A folder in the way refuses even the superuser."""
    call = ("evaluate", predicted / "out", predicted / "labels", "-o", predicted / "scored")
    (predicted / "scored/metrics.json/in_the_way").mkdir(parents=True)
    done = here(*call)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert sorted((predicted / "scored").rglob(".tmp-*")) == []


def started(root: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that has scored two cases and waits for the labels of the third, and the end of the pipe."""
    labels = root / "labels/c.nii.gz"
    labels.unlink()
    os.mkfifo(labels)
    running = subprocess.Popen(
        [*COMMAND, "evaluate", root / "out", root / "labels", "-o", root / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **WIDE},
    )
    while running.poll() is None:
        with suppress(OSError):  # until somebody reads
            return running, os.open(labels, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.01)
    raise AssertionError(running.communicate()[1])


def settled(out: Path) -> dict[str, Any]:
    return {name: (out / name).read_bytes() for name in SETTLED if (out / name).exists()}


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
def test_what_was_stopped_leaves_the_old_numbers_and_can_be_called_again(predicted, sent, code) -> None:
    call = ("evaluate", predicted / "out", predicted / "labels", "-o", predicted / "out")
    assert here(*call, "--roi-pixels", 1).exit_code == 0
    before = settled(predicted / "out")
    assert set(before) == set(SETTLED)
    stopped, pipe = started(predicted)
    stopped.send_signal(sent)
    said = stopped.communicate(timeout=60)[1]
    os.close(pipe)
    assert stopped.returncode == code, said
    assert "Traceback" not in said
    assert settled(predicted / "out") == before
    (predicted / "labels/c.nii.gz").unlink()
    save_nifti(predicted / "labels/c.nii.gz", truth_of(2))
    assert here(*call, "--roi-pixels", 1).exit_code == 0
    assert settled(predicted / "out") == before


def test_a_class_that_nobody_has_counts_in_no_mean(predicted: Path) -> None:
    done = here(
        "evaluate",
        predicted / "out",
        predicted / "labels",
        "-o",
        predicted / "s",
        "--classes",
        "a,b,none",
        "--json",
    )
    told = json.loads(done.stdout)
    assert told["dice_per_class"]["none"] is None
    assert math.isfinite(told["dice_mean"])
