"""``ckpt-uq report`` as a process: what it writes, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ckpt_uq.io.volume import Volume, write_volume
from ckpt_uq.report import viewer
from command_line import here
from results_folders import AFFINE, SHAPE


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = "from ckpt_uq.cli import main; main()"
    command = [sys.executable, "-c", program, "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_page_lies_in_the_folder_and_one_line_says_so(everything: Path) -> None:
    done = run(everything)
    assert done.returncode == 0, done.stderr
    page = everything / "report.html"
    assert done.stdout.startswith("3 cases, 3 with pictures, ")
    assert done.stdout.endswith(f" MB: {page}\n")
    assert f"ckpt-uq report {everything}" in page.read_text()


def test_json_is_all_that_stands_on_stdout(everything: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = here(
        "report",
        everything,
        "-o",
        out,
        "--json",
        "--sort-by",
        "dice_mean",
        "--max-panels",
        2,
        "--embed-mb",
        0,
    )
    told = json.loads(done.stdout)
    assert (told["path"], told["size"]) == (str(out), out.stat().st_size)
    assert (told["n_cases"], told["n_pictured"], told["sorted_by"]) == (3, 2, "dice_mean")


def test_images_of_combined_cases_are_lent(combined: Path, everything: Path) -> None:
    images = combined.parent / "images"
    images.mkdir()
    for name in ("alpha", "beta"):
        (images / f"{name}_0000.nii.gz").write_bytes(
            (everything / "cases" / name / "image.nii.gz").read_bytes()
        )
    assert here("report", combined, "--images", images).exit_code == 0
    page = (combined / "report.html").read_text()
    assert len(re.findall(r"(?:alpha|beta), axial slice \d of 5: image", page)) == 2


def test_damaged_case_is_named_and_the_exit_code_says_so(everything: Path) -> None:
    (everything / "cases" / "beta" / "image.nii.gz").write_bytes(b"")
    done = here("report", everything)
    assert done.exit_code == 3
    assert "beta failed: " in done.stderr
    assert done.stdout.startswith("3 cases, 2 with pictures")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["absent"], 1, "error: results must be a folder, found none at absent"),
        (["--sort-by", "speed"], 1, "error: sort_by must be one of dice_mean,"),
        (["--max-panels", "-1"], 2, "--max-panels"),
        ([], 2, "RESULTS"),
    ],
)
def test_errors_take_a_line(everything: Path, arguments: list[str], code: int, said: str) -> None:
    folder = [] if arguments in ([], ["absent"]) else [everything]
    done = here("report", *folder, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_output_that_cannot_be_written_is_an_error(everything: Path) -> None:
    done = here("report", everything, "-o", everything / "absent" / "page.html")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def spoil(case: Path, fault: str) -> None:
    """Do to a case what can be done to one."""
    labels, entropy = case / "labels.nii.gz", case / "entropy.nii.gz"
    if fault == "empty":
        entropy.write_bytes(b"")
    elif fault == "unreadable":
        entropy.write_bytes(b"no gzip at all")
    elif fault == "truncated":
        entropy.write_bytes(entropy.read_bytes()[:-40])
    elif fault == "of another shape":
        write_volume(entropy, Volume(np.zeros((5, 24, 30), np.float32), AFFINE))
    elif fault == "elsewhere":
        write_volume(labels, Volume(np.zeros(SHAPE, np.uint8), AFFINE + np.eye(4)))
    else:
        assert fault == "without segmentation"
        (case / "segmentation.nii.gz").write_bytes(b"")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("empty", "entropy.nii.gz"),
        ("unreadable", "entropy.nii.gz"),
        ("truncated", "entropy.nii.gz"),
        ("of another shape", "entropy.nii.gz must lie on the grid of the segmentation, got shape"),
        ("elsewhere", "labels.nii.gz must lie on the grid of the segmentation, got affine"),
        ("without segmentation", "segmentation.nii.gz"),
    ],
)
def test_what_is_wrong_with_a_case_is_said_here_and_on_the_page(everything, fault: str, message: str) -> None:
    spoil(everything / "cases" / "beta", fault)
    done = here("report", everything, "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert (told["n_cases"], told["n_pictured"], list(told["failed"])) == (3, 2, ["beta"])
    said = next(line for line in done.stderr.splitlines() if line.startswith("beta failed: "))
    assert message in said
    assert "Traceback" not in done.stderr
    assert "1 case could not be shown." in (everything / "report.html").read_text()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("/proc/self/page.html", "error: "),
        ("{folder}/cases", "error: path must be a file in a folder that exists"),
        ("{folder}/scores.csv/page.html", "error: path must be a file in a folder that exists"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_one_message(everything: Path, out: str, message: str) -> None:
    done = here("report", everything, "-o", out.format(folder=everything))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


def test_without_niivue_one_line_says_how_to_get_it(
    everything: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "niivue_bundle", lambda: None)
    done = here("report", everything)
    assert done.exit_code == 0
    assert "no 3D viewer: this copy of ckpt_uq was built without NiiVue" in done.stderr
    assert done.stdout.startswith("3 cases, 3 with pictures")


WAITING = """
import time
from pathlib import Path
from ckpt_uq.report import page

draw = page.picture_case

def draw_and_wait(name, volumes):
    if name == "beta":
        Path("held").touch()
        while Path("hold").exists():
            time.sleep(0.01)
    return draw(name, volumes)

page.picture_case = draw_and_wait
from ckpt_uq.cli import main
main()
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
def test_what_was_stopped_leaves_the_old_page(everything: Path, tmp_path: Path, sent: int, code: int) -> None:
    (everything / "report.html").write_text("the old page")
    (tmp_path / "hold").touch()
    stopped = subprocess.Popen(
        [sys.executable, "-c", WAITING, "report", str(everything)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ,
    )
    while stopped.poll() is None and not (tmp_path / "held").exists():
        time.sleep(0.01)
    stopped.send_signal(sent)
    said = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == code, said
    assert "Traceback" not in said
    assert (everything / "report.html").read_text() == "the old page"
    done = here("report", everything)
    assert done.exit_code == 0
    assert (everything / "report.html").read_text().startswith("<!doctype html>")
