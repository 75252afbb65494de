from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from command_line import COMMAND, WIDE, here, process

TINY = ("demo", "--data", "phantom-tiny")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "out"
    return out, process(*TINY, "--seed", 2, "--out", out)


def test_it_says_what_it_found_and_where_it_is(finished):
    out, done = finished
    assert done.returncode == 0, done.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert f"{metrics['ece_percent']:.3f}" in done.stdout
    assert f"Results: {out}" in done.stdout
    assert done.stdout.endswith(f"Report:  {out / 'report.html'}\n")
    assert "ckpt-uq demo --data phantom-tiny --seed 2 --epochs 4" in (out / "report.html").read_text()
    assert "best single" in done.stdout
    assert "4/4" in done.stderr  # the bars of the training


def test_json_is_the_metrics_and_nothing_else(finished):
    out, _ = finished
    again = here("demo", "--resume", "--json", "--out", out)
    assert again.exit_code == 0
    assert json.loads(again.stdout) == json.loads((out / "metrics.json").read_text())


def test_a_second_run_does_not_touch_the_first(finished):
    out, _ = finished
    before = (out / "metrics.json").read_bytes()
    refused = here(*TINY, "--out", out)
    assert refused.exit_code == 1
    assert "--resume to go on with it, --overwrite to start again" in refused.stderr
    assert (out / "metrics.json").read_bytes() == before


def test_ctrl_c_leaves_a_state_that_resume_goes_on_with(tmp_path):
    out = tmp_path / "out"
    command = [*COMMAND, *TINY, "--epochs", "40", "--out", str(out)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **WIDE})
    try:
        _wait_for(out / "training_state.pt", running)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130, said
    assert f"to go on: ckpt-uq demo --resume --out {out}" in said
    assert "Traceback" not in said
    epochs_before = json.loads((out / "run" / "manifest.json").read_text())["history"]
    assert 0 < len(epochs_before) < 40
    resumed = process("demo", "--resume", "--out", out)
    assert resumed.returncode == 0, resumed.stderr
    with (out / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(40))
    for entry, row in zip(epochs_before[:-1], rows, strict=False):  # the last may be replayed
        assert float(row["selection_dice"]) == pytest.approx(entry["score"], rel=1e-4)


def test_missing_data_name_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("CKPT_UQ_DATA", raising=False)
    failed = here("demo", "--data", "hippocampus", "--out", tmp_path / "out")
    assert failed.exit_code == 1
    assert "CKPT_UQ_DATA" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("out", ["/proc/nowhere/out", "{file}/out"])
def test_an_out_that_cannot_be_made(tmp_path, out):
    (tmp_path / "file").write_text("")
    failed = here(*TINY, "--out", out.format(file=tmp_path / "file"))
    assert failed.exit_code == 1
    assert failed.stderr.startswith("error: ")
    assert len(failed.stderr.splitlines()) == 1


def test_unknown_data_and_wrong_usage(tmp_path):
    assert "one of phantom, " in here("demo", "--data", "brain", "-o", tmp_path / "out").stderr
    assert here("demo", "--epochs", "0").exit_code == 2


def test_help_teaches_by_example():
    said = here("demo", "--help").stdout
    assert "ckpt-uq demo --data hippocampus --seed 1 -o out/hippocampus" in said
    assert "report.html, one page to open" in said
    assert "CKPT_UQ_DATA" in said


def _wait_for(path: Path, running: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert running.poll() is None, "it ended before its first epoch did"
        time.sleep(0.005)
