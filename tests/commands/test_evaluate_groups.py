"""``ckpt-uq evaluate``: what it asks for, what it says, and what the report makes of it."""

from __future__ import annotations

import json

import pytest

from ckpt_uq.evaluating import failure
from cohort_folders import write_cohort
from command_line import here


@pytest.fixture
def cohort(tmp_path):
    return write_cohort(tmp_path / "cohort", n_cases=3)


def test_by_default_uncertainty_is_held_against_failure(cohort, tmp_path):
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    tables = {name for name, entry in metrics.items() if isinstance(entry, dict) and "rows" in entry}
    assert tables == {"failure_detection"}
    assert metrics["dice_mean"] > 0.5
    assert metrics["ece_percent"] > 0


def test_everything_reaches_the_report(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(failure, "N_RESAMPLES", 20)
    out = tmp_path / "out"
    options = ["--metrics", "all,kits", "--raters", cohort.raters, "--ood", cohort.predictions]
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", out, *options)
    assert done.exit_code == 0, done.output
    assert "in metrics.json and the report: calibration_errors, surface, voxel_errors" in done.stdout
    assert here("report", out).exit_code == 0
    page = (out / "report.html").read_text()
    for text in ("Does uncertainty find the wrong voxels?", "Smooth ECE", "HD95", "boundary: top label"):
        assert text in page
    assert "Distance within which 95 % of each surface lies from the other. Lower is better." in page
    assert "Reliability, along boundaries" in page


def test_widths_reach_the_measures(cohort, tmp_path):
    for out, options in (("narrow", ["--band-mm", 1]), ("wide", ["--band-mm", 6, "--tolerance-mm", 5])):
        command = ["evaluate", cohort.predictions, cohort.labels, "-o", tmp_path / out]
        assert here(*command, "--metrics", "calibration,surface", *options).exit_code == 0
    narrow, wide = (json.loads((tmp_path / out / "metrics.json").read_text()) for out in ("narrow", "wide"))
    n_voxels = [m["calibration_errors"]["rows"]["boundary: top label"]["n_voxels"] for m in (narrow, wide)]
    surface = [m["surface"]["rows"]["class_1"]["surface_dice"]["estimate"] for m in (narrow, wide)]
    assert n_voxels[0] < n_voxels[1]
    assert surface[0] < surface[1]


def test_an_unknown_group_is_an_error(cohort, tmp_path):
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", tmp_path, "--metrics", "dice")
    assert done.exit_code == 1
    assert "metrics must be among calibration, failure, surface" in done.stderr
