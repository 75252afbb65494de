from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from ckpt_uq.demo.datasets import Expected, find_dataset
from ckpt_uq.demo.folder import open_folder
from ckpt_uq.demo.run import checks, run_demo
from ckpt_uq.errors import DataError
from ckpt_uq.manifest import read_run

COMPARED = ("dice_mean", "dice_per_class", "ece_percent", "ece_roi_percent", "nll_roi")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    settings = open_folder(out, data="phantom-tiny", seed=1)
    return out, run_demo(settings, out)


def _without_time(metrics: dict) -> dict:
    return {name: value for name, value in metrics.items() if name not in {"seconds", "date"}}


def test_metrics_say_what_was_done_and_found(demo):
    out, metrics = demo
    stored = json.loads((out / "metrics.json").read_text())
    assert stored.keys() == metrics.keys()
    for name in COMPARED:
        assert stored.keys() >= {name, f"{name}_best_single"}
    assert stored["settings"] == {"data": "phantom-tiny", "seed": 1, "n_epochs": 4, "batch_size": 4}
    assert stored["n_cases"] == {"train": 6, "selection": 2, "calibration": 1, "test": 5}
    assert set(stored["seconds"]) == {"data", "train", "predict", "score", "calibrate", "metrics", "figures"}
    assert set(stored["contour_score"]) == {"kidney", "tumour", "cyst", "foreground"}
    assert set(stored["versions"]) == {"ckpt_uq", "python", "torch", "numpy", "numba", "scipy"}
    assert 0 <= stored["mutual_information_bits"] <= stored["predictive_entropy_bits"] <= 2


def test_a_temperature_each_moves_calibration_and_nothing_else(demo):
    _, metrics = demo
    assert set(metrics["temperature"]) == {"ensemble", "best_single"}
    for name in COMPARED[2:]:
        assert metrics[f"{name}_calibrated"] != metrics[name]
        assert metrics[f"{name}_best_single_calibrated"] != metrics[f"{name}_best_single"]
    assert "dice_mean_calibrated" not in metrics


def test_cases_that_determine_no_temperature_are_said_to(tmp_path, monkeypatch):
    def refuse(predictions, cases):
        raise DataError("too easy")

    monkeypatch.setattr("ckpt_uq.demo.run.fit_temperature", refuse)
    out = tmp_path / "out"
    metrics = run_demo(open_folder(out, data="phantom-tiny", n_epochs=1), out)
    assert (metrics["temperature"], metrics["not_calibrated"]) == (None, "too easy")
    assert "ece_percent_calibrated" not in metrics


def test_the_page_shows_every_test_case_and_the_run(demo):
    out, metrics = demo
    page = (out / "report.html").read_text()
    assert metrics["command"] in page
    for path in (out / "cases").iterdir():
        assert f"{path.name}, " in page
    for section in ("run", "calibration", "triage", "cases", "table", "panels", "definitions", "provenance"):
        assert f'<section id="{section}">' in page


def test_members_are_those_of_the_manifest(demo):
    out, metrics = demo
    members = read_run(out / "run").members
    assert metrics["n_members"] == len(members) == len(metrics["members"])
    assert [m["epoch"] for m in metrics["members"]] == [m.epoch for m in members]
    assert metrics["best_single"]["score"] == max(m.score for m in members)


def test_every_test_case_has_its_volumes_and_its_row(demo):
    out, _ = demo
    with (out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    folders = sorted(path.name for path in (out / "cases").iterdir())
    assert sorted(row["case"] for row in rows) == folders
    assert len(folders) == 5
    for name in folders:
        files = {file.name: nib.load(file) for file in (out / "cases" / name).iterdir()}
        image = files["image.nii.gz"]
        for file in ("labels", "segmentation", "entropy", "mutual_information"):
            np.testing.assert_array_equal(files[f"{file}.nii.gz"].affine, image.affine)
            assert files[f"{file}.nii.gz"].shape == image.shape
        entropy = np.asarray(files["entropy.nii.gz"].dataobj)
        assert entropy.max() > np.asarray(files["mutual_information.nii.gz"].dataobj).mean()


def test_figures_and_history_are_there(demo):
    out, _ = demo
    names = {"training.png", "panels.png", "reliability.png", "uncertainty_dice.png"}
    assert {path.name for path in (out / "figures").iterdir()} == names
    history = (out / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,lr,loss,selection_dice"
    assert len(history) == 1 + 4


def test_a_finished_run_gives_the_same_numbers_again(demo):
    out, metrics = demo
    again = run_demo(open_folder(out, resume=True), out)
    assert json.dumps(_without_time(again)) == json.dumps(_without_time(metrics))


def test_test_cases_are_never_those_that_were_learnt_or_chosen_on(demo):
    out, _ = demo
    from ckpt_uq.demo.cases import split_cases

    dataset = find_dataset("phantom-tiny")
    split = split_cases(dataset.load(1), dataset.split, seed=1)
    seen = {case.name for part in (split.train, split.selection, split.calibration) for case in part}
    assert not seen & {path.name for path in (out / "cases").iterdir()}


@pytest.mark.parametrize(("value", "met"), [(0.7, True), (0.9, False), (0.4, False), (float("nan"), False)])
def test_checks_say_whether_a_number_is_where_it_must_be(value, met):
    from dataclasses import replace

    dataset = replace(find_dataset("phantom-tiny"), expected=(Expected(("dice", "tumour"), 0.5, 0.9),))
    (check,) = checks(dataset, {"dice": {"tumour": value}})
    assert check["met"] is met
    assert check["what"] == "dice tumour"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_phantom_is_hard_and_its_uncertainty_means_something(tmp_path, seed):
    metrics = run_demo(open_folder(tmp_path / "out", seed=seed), tmp_path / "out")
    assert [check["met"] for check in metrics["checks"]] == [True, True], metrics["checks"]
    assert metrics["ece_roi_percent"] < metrics["ece_roi_percent_best_single"]
    assert metrics["uncertainty_dice_spearman"] < 0
