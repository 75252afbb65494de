"""``ckpt-uq triage``: the threshold, the list, and what it says about tables that will not do."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import pytest

from ckpt_uq.io.scores_csv import read_scores
from command_line import COMMAND, WIDE, here, process

CALIBRATION = """\
case,contour_score_foreground,mean_entropy_bits,dice_mean,dice_lesion,contour_settings
k1,1.0,0.5,1.0,0.9,text
k2,2.0,0.4,0.9,0.8,text
k3,3.0,0.3,0.8,,text
k4,4.0,0.2,0.1,0.1,text
k5,,0.1,0.0,0.0,text
"""
TEST = """\
case,contour_score_foreground,mean_entropy_bits,dice_mean
t1,2.5,0.1,0.95
t2,3.5,0.9,0.2
t3,,0.2,0.0
t4,1.5,0.3,0.75
t5,9.0,0.25,
"""
CHOSEN = (
    "contour_score_foreground <= 3 is accepted: chosen on 5 calibration cases, of which it accepts 3 with a "
    "mean of 1 - Dice of 0.1 (asked for: 0.1)\n"
)
LIST = """\
3 of 5 cases flagged, worst first:
  t3  no score
  t5  9
  t2  3.5
accepted test cases: mean of 1 - Dice 0.15 over 2 with a truth
"""


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    known, asked = tmp_path / "calibration.csv", tmp_path / "test.csv"
    known.write_text(CALIBRATION)
    asked.write_text(TEST)
    return known, asked


def test_the_list_as_a_shell_sees_it(tables: tuple[Path, Path]) -> None:
    done = process("triage", *tables, "--risk", 0.1)
    assert (done.returncode, done.stdout, done.stderr) == (0, CHOSEN + LIST, "")


def test_json_is_all_that_stands_on_stdout(tables: tuple[Path, Path]) -> None:
    done = here("triage", *tables, "--risk", 0.1, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["score"], told["risk"], told["threshold"]) == ("contour_score_foreground", 0.1, 3.0)
    assert told["calibration"] == {
        "cases": 5,
        "left_out": 0,
        "accepted": 3,
        "accepted_risk": pytest.approx(0.1),
    }
    assert told["test"] == {
        "cases": 5,
        "flagged": 3,
        "accepted": 2,
        "accepted_risk": pytest.approx(0.15),
        "accepted_without_truth": 0,
    }
    assert told["flagged"] == [
        {"case": "t3", "uncertainty": None},
        {"case": "t5", "uncertainty": 9.0},
        {"case": "t2", "uncertainty": 3.5},
    ]
    assert told["accepted"] == ["t1", "t4"]


def test_another_score_and_quality(tables: tuple[Path, Path]) -> None:
    done = here(
        "triage", *tables, "--risk", 0.6, "--score", "mean_entropy_bits", "--dice", "dice_lesion", "--json"
    )
    told = json.loads(done.stdout)
    # From the most certain on 1 - 0.0, 1 - 0.1, (k3 has none), 1 - 0.8, 1 - 0.9: their mean is 0.55.
    assert (told["threshold"], told["calibration"]["accepted"]) == (0.5, 4)
    assert told["calibration"]["left_out"] == 1
    assert told["calibration"]["accepted_risk"] == pytest.approx(0.55)
    assert [entry["case"] for entry in told["flagged"]] == ["t2"]
    assert told["test"]["accepted_risk"] is None  # the test table has no such quality
    assert told["test"]["accepted_without_truth"] == 4


def test_no_threshold_bears_the_risk_so_all_are_flagged(tables: tuple[Path, Path]) -> None:
    done = here("triage", *tables, "--risk", 0.05, "--score", "mean_entropy_bits")
    assert done.exit_code == 0
    assert done.stdout.startswith(
        "no threshold on mean_entropy_bits keeps the mean of 1 - Dice at 0.05 or below"
    )
    assert "5 of 5 cases flagged, worst first:\n  t2  0.9\n  t4  0.3\n" in done.stdout


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_the_list_is_written_too(tables: tuple[Path, Path], tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"flagged.{suffix}"
    done = here("triage", *tables, "--risk", 0.1, "-o", out, "--json")
    assert done.exit_code == 0
    if suffix == "json":
        assert json.loads(out.read_text()) == json.loads(done.stdout)
    else:
        rows = read_scores(out)
        assert list(rows) == ["t3", "t5", "t2"]
        assert math.isnan(rows["t3"]["contour_score_foreground"])
        assert rows["t2"] == {"contour_score_foreground": 3.5}


BAD_TABLES = {
    "missing": (None, "path must be a table of scores, found none at"),
    "empty": ("", "must have a column 'case', got None"),
    "of something else": ("epoch,score\n1,2\n", "must have a column 'case', got ['epoch', 'score']"),
    "without cases": ("case,contour_score_foreground,dice_mean\n", "must have an uncertainty"),
    "without uncertainty": ("case,dice_mean\na,0.5\n", "must have an uncertainty, got ['dice_mean']"),
    "without dice": ("case,mean_entropy_bits\na,0.5\n", "must have numbers in a column dice_mean"),
    "of words": ("case,mean_entropy_bits,dice_mean\na,0.5,good\n", "must have numbers in a column dice_mean"),
    "of empty cells": ("case,mean_entropy_bits,dice_mean\na,0.5,\n", "must have a loss, none of 1 has"),
    "with a case twice": ("case,dice_mean\na,1\na,1\n", "must have each case once, got a twice"),
    "in percent": (
        "case,mean_entropy_bits,dice_mean\na,0.5,85.5\n",
        "dice_mean must lie in [0, 1], got 85.5",
    ),
    "of the test cases": (
        "case,mean_entropy_bits,dice_mean\nt1,0.5,1\n",
        "must be different, both tables have t1",
    ),
    "binary": ("\x00\xff", "must "),
}


@pytest.mark.parametrize(("content", "message"), BAD_TABLES.values(), ids=list(BAD_TABLES))
def test_a_table_that_will_not_do_is_one_message(tables, content: str | None, message: str) -> None:
    known, asked = tables
    known.unlink()
    if content is not None:
        known.write_bytes(content.encode("latin-1"))
    done = here("triage", known, asked, "--risk", 0.1)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_test_cases_need_the_score_that_the_threshold_is_on(tables: tuple[Path, Path]) -> None:
    known, asked = tables
    asked.write_text("case,mean_entropy_bits\nt1,0.5\n")
    done = here("triage", known, asked, "--risk", 0.1)
    assert done.exit_code == 1
    assert (
        f"{asked} must have numbers in a column contour_score_foreground, it has mean_entropy_bits"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "--risk"),
        (("--risk", "-0.1"), 2, "--risk"),
        (("--risk", "low"), 2, "--risk"),
        (("--risk", "nan"), 2, "--risk"),
        (("--risk", "0.1", "--score", "speed"), 1, "must have numbers in a column speed, it has"),
        (("--risk", "0.1", "-o", "flagged.txt"), 2, "must end in .csv or .json, got flagged.txt"),
        (("--risk", "0.1", "-o", "nowhere/flagged.csv"), 2, "must lie in a folder that exists"),
        (("--risk", "0.1", "-o", "in_the_way.csv"), 1, "error: "),
        (("--risk", "0.1", "-o", "/proc/self/flagged.csv"), 1, "error: "),
    ],
)
def test_an_error_is_one_message_and_nothing_is_printed(
    tables, monkeypatch, arguments, code, message
) -> None:
    monkeypatch.chdir(tables[0].parent)
    Path("in_the_way.csv").mkdir()
    done = here("triage", *tables, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["calibration.csv", "in_the_way.csv", "test.csv"]


def test_a_closed_pipe_is_no_traceback(tables: tuple[Path, Path]) -> None:
    """As in ``ckpt-uq triage ... | head -1``."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "triage", *map(str, tables), "--risk", "0.1"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **WIDE},
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert done.returncode != 0
