"""``ckpt-uq select``: of a run folder or a table, what was kept and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ckpt_uq.manifest import read_run
from ckpt_uq.peaks import select_peaks
from command_line import here, process

GOLDEN = Path(__file__).parent / "golden"

SCORES = [0.2, 0.5, 0.55, 0.1, 0.3, 0.52, 0.3, 0.7, 0.9, 0.6, 0.8, 0.85]


@pytest.fixture
def table(tmp_path) -> Path:
    rows = [f"{epoch},{1 - score:.2f},{score}" for epoch, score in enumerate(SCORES)]
    path = tmp_path / "history.csv"
    path.write_text("\n".join(["epoch,loss,score", *rows, ""]))
    return path


def told(*arguments: object) -> dict:
    done = here("select", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_peaks_of_a_table_are_shown_with_reasons(table):
    done = process("select", table, "--ends", "3,6,12", "--k", "2", "--smoothing", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (GOLDEN / "select.txt").read_text()


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ([], {}),
        (["--k", "1", "--window", "1", "--smoothing", "2"], {"k": 1, "window": 1.0, "smoothing": 2}),
        (["--min-gain", "none"], {"min_gain": None}),
        (["--min-gain", "0.3", "--mode", "min"], {"min_gain": 0.3, "mode": "min"}),
    ],
)
def test_members_are_the_librarys(table, options, settings):
    peaks = select_peaks(SCORES, [3, 3, 6], **settings)
    found = told(table, "--ends", "3,6,12", *options)
    assert found["members"] == [s.epoch for s in peaks.members]
    assert found["on_disk"] is None
    assert {name: found["settings"][name] for name in settings} == settings


def test_cycles_may_be_geometric(table):
    found = told(table, "--t0", 3, "--t-mult", 3, "--epochs", 12)
    assert found["settings"]["cycles"] == {"lengths": [3, 9], "T_mult": None, "end": 12}


def test_a_run_is_judged_by_its_own_settings(tiny):
    run = read_run(tiny.run)
    found = told(tiny.run)
    assert found["members"] == found["on_disk"] == [s.epoch for s in run.members] == [1, 3]
    assert found["settings"]["k"] == run.rule.k
    assert [cycle["outcome"] for cycle in found["cycles"]] == ["kept", "kept"]
    before = {path.name: path.stat().st_mtime_ns for path in tiny.run.iterdir()}
    told(tiny.run, "--k", 2)
    assert {path.name: path.stat().st_mtime_ns for path in tiny.run.iterdir()} == before


def test_other_settings_show_what_they_would_have_chosen_and_what_is_gone(tiny):
    done = here("select", tiny.run, "--k", 2, "--window", 1)
    assert "4 members: 0, 1, 2, 3" in done.stdout
    assert "not on disk, dropped when they were made: 0, 2" in done.stderr
    assert told(tiny.run, "--ends", "4", "--k", 2, "--window", 1)["members"] == [1, 3]


def test_replayed_epochs_replace_what_came_after(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("score,epoch\n0.1,0\n0.9,1\n0.8,2\n0.3,1\n,2\nnan,3\n")
    found = told(path, "--t0", "4", "--epochs", "4", "--window", "1", "--k", "2")
    assert [(p["epoch"], p["score"]) for p in found["cycles"][0]["peaks"]] == [(0, 0.1), (1, 0.3)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must have the columns epoch and score, got None"),
        ("epoch,dice\n0,0.5\n", "must have the columns epoch and score, got ['epoch', 'dice']"),
        ("epoch,score\n", "must hold at least one epoch"),
        ("epoch,score\n0,0.5\n1.5,0.5\n", "line 3: epoch must be an integer >= 0"),
        ("epoch,score\n-1,0.5\n", "line 2: epoch must be an integer >= 0"),
        ("epoch,score\n0,good\n", "score a number, got '0' and 'good'"),
        ("epoch,score\n40,0.5\n", "epoch must be < 12"),
        (b"\xff\xfe\x00", "must be a readable CSV file"),
    ],
)
def test_a_bad_table_is_one_message(tmp_path, content, message):
    path = tmp_path / "history.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = here("select", path, "--ends", "3,12")
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{table}"], 2, "a CSV file needs --ends or --t0"),
        (["{table}", "--ends", "12", "--min-gain", "much"], 2, "must be a number or none, got 'much'"),
        (["{table}", "--ends", "12", "--mode", "best"], 1, "mode must be 'max' or 'min', got 'best'"),
        (["{table}", "--ends", "12", "--window", "2"], 1, "window must be in (0, 1], got 2.0"),
        (["{folder}/nowhere.csv", "--ends", "12"], 1, "found none at"),
        (["{folder}"], 1, "manifest.json is missing"),
    ],
)
def test_an_error_is_one_message(table, arguments, code, message):
    done = here("select", *(text.format(table=table, folder=table.parent) for text in arguments))
    assert done.exit_code == code
    assert message in " ".join(done.stderr.replace("│", " ").split())
