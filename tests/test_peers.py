"""Ours against what other libraries said of the same inputs; benchmarks/peer_golden.py asked them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from ckpt_uq import decomposition, moments
from ckpt_uq.calibration import CalibrationBins, CalibrationSketch, ace, brier, smooth_ece
from ckpt_uq.evaluation import (
    dice_per_class,
    failure_detection,
    hd95,
    nll,
    risk_coverage,
    surface_dice,
    surface_distances,
)

GOLDEN = Path(__file__).parent / "golden" / "peers"
SINGLE = {"abs": 2e-6}  # peers that compute in single precision


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def calibration():
    return golden("calibration")


def rows(calibration):
    """Probabilities (C, N), labels (N,)."""
    inputs = calibration["inputs"]
    return np.array(inputs["probs"], np.float32).T.copy(), np.array(inputs["labels"])


def bins_of(calibration, kind):
    bins = CalibrationBins(calibration["inputs"]["n_bins"], kind)
    bins.update(*rows(calibration))
    return bins


def sketch_of(calibration, kind):
    sketch = CalibrationSketch(kind)
    sketch.update(*rows(calibration))
    return sketch


def test_top_label_errors(calibration):
    bins = bins_of(calibration, "top_label")
    assert bins.ece() == pytest.approx(calibration["netcal"]["ece"], abs=1e-12)
    assert bins.mce() == pytest.approx(calibration["netcal"]["mce"], abs=1e-12)
    assert bins.ece() == pytest.approx(calibration["torchmetrics"]["ece"], **SINGLE)
    assert bins.mce() == pytest.approx(calibration["torchmetrics"]["mce"], **SINGLE)
    assert bins.ece() == pytest.approx(calibration["torch-uncertainty"]["ece"], **SINGLE)


def test_certainty_has_no_bin_of_its_own():
    # torchmetrics sorts a confidence of 1 into a bin beyond the last, away from 0.95
    probs, labels = np.array([[0.95, 1.0], [0.05, 0.0]], np.float32), np.array([0, 1])
    bins = CalibrationBins()
    bins.update(probs, labels)
    theirs = multiclass_calibration_error(torch.from_numpy(probs.T), torch.from_numpy(labels), 2, n_bins=15)
    assert bins.ece() == pytest.approx(abs(1 - (0.95 + 1)) / 2)
    assert float(theirs) == pytest.approx((abs(1 - 0.95) + abs(0 - 1)) / 2)


def test_errors_class_by_class(calibration):
    bins = bins_of(calibration, "class_wise")
    each = [bins.ece(k) for k in range(3)]
    assert each == pytest.approx(calibration["netcal"]["class_ece"], abs=1e-12)
    assert each == pytest.approx(calibration["torchmetrics"]["class_ece"], **SINGLE)
    assert each == pytest.approx(calibration["monai"]["class_ece"], **SINGLE)
    assert bins.ece() == pytest.approx(calibration["torch-uncertainty"]["class_wise_ece"], **SINGLE)
    assert bins.reliability().count.tolist() == calibration["monai"]["class_counts"]


def test_equal_mass_error(calibration):
    # 150 samples in 15 bins: no sample lies on a cut, where netcal would give it to one bin alone
    found = ace(sketch_of(calibration, "top_label"), n_bins=15)
    assert found.value == pytest.approx(calibration["netcal"]["ace"], abs=1e-12)


def test_smooth_error(calibration):
    # torch-uncertainty integrates on 200 points or so, and halves the interval of the width 30 times
    found = smooth_ece(sketch_of(calibration, "top_label"))
    assert found.value == pytest.approx(calibration["torch-uncertainty"]["smooth_ece"], abs=1e-4)


def test_brier(calibration):
    sketch = sketch_of(calibration, "class_wise")
    assert brier(sketch) == pytest.approx(calibration["torch-uncertainty"]["brier"], **SINGLE)
    each = [brier(sketch, class_index=k) for k in range(3)]
    assert each == pytest.approx(calibration["scikit-learn"]["class_brier"], abs=1e-12)


def test_log_likelihood(calibration):
    ours = nll(*rows(calibration))
    assert ours == pytest.approx(calibration["torch-uncertainty"]["nll"], **SINGLE)
    assert ours == pytest.approx(calibration["scikit-learn"]["nll"], **SINGLE)  # it divides by the sums first


def test_failure_detection():
    found = golden("failure")
    risk, uncertainty, threshold = (found["inputs"][name] for name in ("risk", "uncertainty", "threshold"))
    ours = failure_detection(risk=risk, uncertainty=uncertainty, threshold=threshold)
    theirs = found["scikit-learn"]
    assert ours[:3] == pytest.approx((theirs["auroc"], theirs["aupr"], theirs["fpr95"]), abs=1e-12)
    assert ours.fpr95 == pytest.approx(found["torch-uncertainty"]["fpr95"], **SINGLE)


def test_risk_coverage_curve_has_torch_uncertaintys_area():
    # torch-uncertainty joins the points from coverage 1/n on and divides by 1 - 1/n; we average them
    found = golden("failure")
    failed = np.array(found["inputs"]["risk"]) > found["inputs"]["threshold"]
    curve = risk_coverage(risk=failed, uncertainty=found["inputs"]["uncertainty"])
    joined = np.trapezoid(curve.risk, curve.coverage) / (1 - curve.coverage[0])
    assert joined == pytest.approx(found["torch-uncertainty"]["aurc"], **SINGLE)
    n = len(curve.risk)
    ends = (curve.risk[0] + curve.risk[-1]) / 2
    assert curve.area == pytest.approx((joined * (n - 1) + ends) / n)


def label_maps(found):
    digits = (found["inputs"][name] for name in ("prediction", "labels"))
    return [
        np.array([[list(map(int, row)) for row in plane] for plane in planes], np.uint8) for planes in digits
    ]


@pytest.mark.parametrize("name", ["1 or 2", "2"])
def test_surfaces(name):
    found = golden("surfaces")
    a, b = (labels > 0 if name == "1 or 2" else labels == 2 for labels in label_maps(found))
    spacing, tolerances = found["inputs"]["spacing"], found["inputs"]["tolerances"]
    google, monai = found["surface-distance"][name], found["monai"][name]
    ours = [surface_dice(a, b, tolerance, spacing=spacing) for tolerance in tolerances]
    assert ours == pytest.approx(google["surface_dice"], abs=1e-9)
    assert ours == pytest.approx(monai["surface_dice"], **SINGLE)
    assert hd95(a, b, spacing=spacing) == pytest.approx(google["hd95"], abs=1e-9)
    assert hd95(a, b, spacing=spacing, percent=100) == pytest.approx(google["hd100"], abs=1e-9)
    assert hd95(a, b, spacing=spacing, elements="voxels") == pytest.approx(monai["hd95_of_voxels"], **SINGLE)
    d = surface_distances(a, b, spacing=spacing)
    assert np.average(d.from_labels, weights=d.labels_sizes) == pytest.approx(google["average_from_labels"])
    mean = np.average(d.from_prediction, weights=d.prediction_sizes)
    assert mean == pytest.approx(google["average_from_prediction"])


def test_dice():
    found = golden("surfaces")
    ours = dice_per_class(*label_maps(found), n_classes=3)
    assert ours == pytest.approx(found["monai"]["dice"], **SINGLE)
    assert ours == pytest.approx(found["torchmetrics"]["dice"], **SINGLE)
    assert ours[2] == pytest.approx(found["surface-distance"]["2"]["dice"], abs=1e-12)


def test_entropy_and_mutual_information():
    found = golden("members")
    m = moments.init(4, (30,), outputs="probs", dtype=torch.float64)
    for member in found["inputs"]["probs"]:
        moments.update(m, torch.tensor(member, dtype=torch.float64).T)
    theirs = found["torch-uncertainty"]
    bits, shared = decomposition.total_entropy(m), decomposition.mutual_information(m)
    assert bits.tolist() == pytest.approx(found["scipy"]["entropy_bits"], abs=1e-7)
    assert (bits * math.log(2)).tolist() == pytest.approx(theirs["entropy_nats"], **SINGLE)
    assert (shared * math.log(2)).tolist() == pytest.approx(theirs["mutual_information_nats"], **SINGLE)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_peer_has_a_version(path):
    found = json.loads(path.read_text())
    assert set(found["versions"]) == set(found) - {"inputs", "versions"}
    assert all(found["versions"].values())


def test_all_peers_are_there():
    peers = {name for path in GOLDEN.glob("*.json") for name in json.loads(path.read_text())["versions"]}
    assert {
        "monai",
        "netcal",
        "scikit-learn",
        "scipy",
        "surface-distance",
        "torch-uncertainty",
        "torchmetrics",
    } == peers
