"""``ckpt-uq report`` as a process: what it writes, what it prints, how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest


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
    done = run(everything, "-o", out, "--json", "--sort-by", "dice_mean", "--max-panels", 2, "--embed-mb", 0)
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
    assert run(combined, "--images", images).returncode == 0
    page = (combined / "report.html").read_text()
    assert len(re.findall(r"(?:alpha|beta), axial slice \d of 5: image", page)) == 2


def test_damaged_case_is_named_and_the_exit_code_says_so(everything: Path) -> None:
    (everything / "cases" / "beta" / "image.nii.gz").write_bytes(b"")
    done = run(everything)
    assert done.returncode == 3
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
    done = run(*folder, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_output_that_cannot_be_written_is_an_error(everything: Path) -> None:
    done = run(everything, "-o", everything / "absent" / "page.html")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
