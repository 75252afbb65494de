"""Calibration of predictions of regions: that of each region as a binary model, and what is said without."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.brier import brier
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.calibration.sketch import CalibrationSketch
from ckpt_uq.case_folder import mark_done
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluating import predictions
from ckpt_uq.evaluating.labelled_regions import labelled_regions
from ckpt_uq.io.probabilities_writer import probabilities_writer
from ckpt_uq.io.scores_csv import read_scores
from cohort_folders import write_cohort
from command_line import here

REGIONS = {"organ": (1, 2), "lesion": (2,)}
SAID = "organ=1+2,lesion=2"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Cases of two nested regions, which overlap."""
    found = write_cohort(tmp_path_factory.mktemp("cohort"), n_cases=2)
    probs = {}
    for name, of_classes in found.probs.items():
        probs[name] = np.stack([of_classes[1] + of_classes[2], of_classes[2]]).astype(np.float16)
        case = found.predictions / "cases" / name
        with probabilities_writer(case / "mean_probs.npz", probs[name].shape) as write:
            write(probs[name])
        mark_done(case, {"settings": {"outputs": "regions", "region_order": [1, 2]}, "scores": {}})
    return replace(found, probs=probs)


def pooled(cohort, index, labels, scope, *makes):
    found = [make() for make in makes]
    for name, probs in cohort.probs.items():
        p = np.minimum(probs[index].astype(np.float32), 1)
        truth = np.isin(cohort.truth[name], labels).astype(np.int32)
        for one in found:
            one.update(np.stack([1 - p, p]), truth, mask=scope_mask(truth, scope))
    return found


def test_every_region_is_a_binary_model(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(predictions.probability_slabs, "__defaults__", (1,))  # a slab is a slice
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", tmp_path, "--regions", SAID)
    assert done.exit_code == 0, done.output
    table = json.loads((tmp_path / "metrics.json").read_text())["region_calibration"]
    assert "(organ: 1+2; lesion: 2)" in table["what"]
    assert len(table["rows"]) == 2 * 4
    for index, (name, labels) in enumerate(REGIONS.items()):
        for scope in ("all", "foreground", "dilated_roi"):
            kinds = (lambda: CalibrationBins(kind="class_wise"), lambda: CalibrationSketch("class_wise"))
            bins, sketch = pooled(cohort, index, labels, scope, *kinds)
            row = table["rows"][f"{name}: {scope}"]
            assert row["ece_percent"] == pytest.approx(100 * bins.ece(1))
            assert row["mce_percent"] == pytest.approx(100 * bins.mce(1))
            assert row["brier"] == pytest.approx(brier(sketch, class_index=1))
    rows = read_scores(tmp_path / "scores.csv")
    p = cohort.probs["case1"][1].astype(np.float32)
    alone = CalibrationBins(kind="class_wise")
    alone.update(np.stack([1 - p, p]), (cohort.truth["case1"] == 2).astype(int))
    assert rows["case1"]["ece_region_lesion_percent"] == pytest.approx(100 * alone.ece(1))
    assert here("report", tmp_path).exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert "Calibration errors of regions" in page
    assert "lesion: dilated roi" in page


def test_without_their_labels_it_is_said_how_to_name_them(cohort, tmp_path):
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", tmp_path, "--metrics", "calibration")
    assert done.exit_code == 0, done.output
    assert "the predictions are of regions; say which labels each of them holds" in done.stdout
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["calibration_errors"]["rows"] == {}
    assert "(--regions)" in metrics["calibration_errors"]["what"]


def test_another_number_of_regions_is_an_error_of_the_case(cohort, tmp_path):
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", tmp_path, "--regions", "organ=1+2")
    assert done.exit_code == 3
    assert "mean_probs.npz has 2 regions, got labels of 1; say of each channel" in done.stderr


def test_classes_are_no_regions(tmp_path):
    cohort = write_cohort(tmp_path, n_cases=2)
    done = here("evaluate", cohort.predictions, cohort.labels, "-o", tmp_path / "out", "--regions", SAID)
    assert done.exit_code == 0, done.output
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert "the predictions are of classes" in metrics["region_calibration"]["what"]
    assert metrics["ece_percent"] > 0


@pytest.mark.parametrize(
    "text", ["", "organ", "organ=", "=1", "organ=1+", "organ=one", "organ=-1", "a=1;b=2"]
)
def test_how_regions_are_written(text):
    with pytest.raises(ArgumentError, match=r"regions must be NAME=LABEL\+LABEL .*got"):
        labelled_regions(text)


def test_a_region_has_one_name():
    with pytest.raises(ArgumentError, match="regions must have different names"):
        labelled_regions("organ=1,organ=2")
