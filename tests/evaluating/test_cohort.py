"""Tables of metrics.json against the library's own functions on the arrays themselves."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ckpt_uq import calibration, evaluation
from ckpt_uq.calibration import CalibrationBins, CalibrationSketch, scope_mask
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluating import failure, opened
from ckpt_uq.evaluating.cohort import NO_CALIBRATION, evaluate_cohort
from ckpt_uq.evaluating.measures.raters import read_raters
from ckpt_uq.evaluating.wanted import GROUPS, Wanted, groups_of
from ckpt_uq.io.scores_csv import read_scores
from ckpt_uq.io.volume import Volume, write_volume
from ckpt_uq.maps import class_entropy
from ckpt_uq.prediction import Prediction
from ckpt_uq.report.results import read_results
from ckpt_uq.scores.boundary import boundary
from cohort_folders import AFFINE, SPACING, entropy, write_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def done(cohort, tmp_path_factory):
    """All that can be measured of the cohort."""
    out = tmp_path_factory.mktemp("out")
    wanted = Wanted(GROUPS, raters=cohort.raters, strangers=cohort.predictions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failure, "N_RESAMPLES", 20)
        evaluate_cohort(cohort.predictions, cohort.labels, out, wanted=wanted)
    return out


@pytest.fixture(scope="module")
def metrics(done):
    return json.loads((done / "metrics.json").read_text())


def write_labels(folder, name, labels):
    (folder / "labels").mkdir(exist_ok=True)
    write_volume(folder / "labels" / f"{name}.nii.gz", Volume(labels, AFFINE))


def masks_of(cohort, scope):
    return {
        name: scope_mask(truth, scope, width=3.0, spacing=SPACING) for name, truth in cohort.truth.items()
    }


@pytest.mark.parametrize("scope", ["all", "foreground", "dilated_roi", "boundary"])
def test_calibration_is_that_of_all_voxels_together(cohort, metrics, scope):
    masks = masks_of(cohort, scope)
    bins = {kind: CalibrationBins(kind=kind) for kind in ("top_label", "class_wise")}
    sketches = {kind: CalibrationSketch(kind) for kind in bins}
    above, nats, n = CalibrationSketch("class_wise", threshold=0.001), 0.0, 0
    for name, probs in cohort.probs.items():
        for one in (*bins.values(), *sketches.values(), above):
            one.update(probs, cohort.truth[name], mask=masks[name])
        terms = evaluation.nll_terms(probs, cohort.truth[name], mask=masks[name])
        nats, n = nats + terms.nats, n + terms.n_voxels
    rows = metrics["calibration_errors"]["rows"]
    top, mean, lesion = (rows[f"{scope}: {of}"] for of in ("top label", "mean over classes", "class_2"))
    assert top["n_voxels"] == n == bins["top_label"].n_samples
    assert top["ece_percent"]["estimate"] == pytest.approx(100 * bins["top_label"].ece())
    assert top["ece_percent"]["low"] <= top["ece_percent"]["estimate"] <= top["ece_percent"]["high"]
    assert top["nll"] == pytest.approx(nats / n)
    for row, kind, k in ((top, "top_label", None), (mean, "class_wise", None), (lesion, "class_wise", 2)):
        assert row["mce_percent"] == pytest.approx(100 * bins[kind].mce(k))
        for error in ("ace", "ks_error", "smooth_ece"):
            value, bound = getattr(calibration, error)(sketches[kind], class_index=k)
            key = error.removesuffix("_error")
            assert row[f"{key}_percent"] == pytest.approx(100 * value)
            assert row[f"{key}_percent_bound"] == pytest.approx(100 * bound, abs=1e-9)
        assert row["brier"] == pytest.approx(calibration.brier(sketches[kind], class_index=k))
    assert lesion["tace_percent"] == pytest.approx(100 * calibration.ace(above, class_index=2).value)
    parts = calibration.brier_decomposition(sketches["class_wise"], class_index=2)
    assert lesion["brier_reliability"] == pytest.approx(parts.reliability)


def test_the_report_finds_the_bins_of_every_scope(done, cohort):
    bins = {one.scope: one for one in read_results(done).bins}
    assert set(bins) == {"all", "foreground", "dilated_roi", "boundary"}
    for scope, masks in ((scope, masks_of(cohort, scope)) for scope in bins):
        assert bins[scope].count.sum(axis=1).tolist() == [mask.sum() for mask in masks.values()]


def test_surfaces_are_in_millimetres(cohort, metrics):
    of_case = [
        (cohort.segmentation(name) == 2, cohort.truth[name] == 2, {"spacing": SPACING})
        for name in cohort.probs
    ]
    row = metrics["surface"]["rows"]["class_2"]
    dice = [evaluation.surface_dice(guess, truth, 1.0, **options) for guess, truth, options in of_case]
    distance = [evaluation.hd95(guess, truth, **options) for guess, truth, options in of_case]
    assert row["surface_dice"]["estimate"] == pytest.approx(np.mean(dice))
    assert row["hd95_mm"]["estimate"] == pytest.approx(np.mean(distance))
    assert row["n_infinite"] == 0


def test_a_class_that_one_or_none_has(cohort, tmp_path):
    for name, truth in cohort.truth.items():
        absent = truth.copy()
        absent[truth == 2] = 1
        write_labels(tmp_path, name, absent)
    options = {"wanted": Wanted(("surface",)), "classes": ["organ", "lesion", "cyst"]}
    found = evaluate_cohort(cohort.predictions, tmp_path / "labels", tmp_path / "out", **options)
    rows = found.metrics["surface"]["rows"]
    assert rows["lesion"]["surface_dice"]["estimate"] == 0
    assert rows["lesion"]["hd95_mm"] == {"estimate": None, "low": None, "high": None, "n_cases": 0}
    assert rows["lesion"]["n_infinite"] == 4
    assert rows["cyst"]["surface_dice"]["n_cases"] == rows["cyst"]["n_infinite"] == 0
    assert math.isinf(read_scores(tmp_path / "out" / "scores.csv")["case0"]["hd95_mm_lesion"])


def test_kits_regions(cohort, metrics):
    scores = [
        evaluation.kits_scores(cohort.segmentation(name), truth, spacing=SPACING)
        for name, truth in cohort.truth.items()
    ]
    for region, row in metrics["kits"]["rows"].items():
        assert row["dice"]["estimate"] == pytest.approx(np.mean([score[region].dice for score in scores]))


def test_wrong_voxels_pooled_and_by_case(cohort, metrics, done):
    pooled, areas = evaluation.VoxelErrors(highest=math.log2(3)), []
    for name, probs in cohort.probs.items():
        wrong = cohort.segmentation(name) != cohort.truth[name]
        bits = np.minimum(entropy(probs), math.log2(3))
        pooled.update(bits, wrong)
        areas.append(evaluation.auroc(bits, wrong))
    rows = metrics["voxel_errors"]["rows"]
    assert rows["all: pooled"]["error_auroc"] == pytest.approx(pooled.auroc().value)
    assert rows["all: pooled"]["ueo"] == pytest.approx(pooled.ueo().value)
    assert rows["all: mean over cases"]["error_auroc"]["estimate"] == pytest.approx(
        np.nanmean(areas), abs=1e-3
    )
    name, probs = next(iter(cohort.probs.items()))
    row = read_scores(done / "scores.csv")[name]
    curves = evaluation.filter_curves(
        cohort.segmentation(name) == 2, cohort.truth[name] == 2, class_entropy(probs)[2], highest=1.0
    )
    assert row["qu_brats_class_2"] == pytest.approx(curves.score)
    wrong = cohort.segmentation(name) != cohort.truth[name]
    near = evaluation.near_errors(
        entropy(probs), wrong, threshold=math.log2(3) / 2, tolerance=1.0, spacing=SPACING
    )
    assert row["near_errors_overlap"] == pytest.approx(near.overlap)


def test_scores_have_the_spacing(cohort, metrics, done):
    name, probs = next(iter(cohort.probs.items()))
    expected = boundary(Prediction.from_probs(probs), 2, spacing=SPACING)
    assert read_scores(done / "scores.csv")[name]["score_boundary_class_2"] == pytest.approx(expected)
    assert "score_boundary_class_2" in metrics["failure_detection"]["rows"]


def test_raters(cohort, metrics):
    values = []
    for name, probs in cohort.probs.items():
        raters = read_raters(cohort.raters / f"{name}.npz", probs.shape[1:])
        values.append(evaluation.ncc(entropy(probs), raters, 3))
    assert metrics["raters"]["rows"]["mean over cases"]["rater_ncc"]["estimate"] == pytest.approx(
        np.mean(values), abs=1e-6
    )


def test_failure_is_of_the_class_that_a_score_is_of(metrics, done):
    rows = read_scores(done / "scores.csv").values()
    risk = [1 - row["dice_class_2"] for row in rows]
    score = [row["contour_score_class_2"] for row in rows]
    found = metrics["failure_detection"]["rows"]["contour_score_class_2"]
    assert found["against"] == "dice_class_2"
    assert found["aurc"]["estimate"] == pytest.approx(evaluation.aurc(risk=risk, uncertainty=score))
    assert found["risk_spearman"]["estimate"] == pytest.approx(evaluation.spearman(score, risk))
    assert metrics["failure_detection"]["rows"]["mean_entropy_bits"]["against"] == "dice_mean"
    assert metrics["ood_detection"]["rows"]["mean_entropy_bits"]["ood_auroc"] == 0.5  # the same cases


def test_slabs_do_not_show(cohort, done, tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "_SLAB_VALUES", 1)
    wanted = Wanted(tuple(group for group in GROUPS if group != "failure"), raters=cohort.raters)
    evaluate_cohort(cohort.predictions, cohort.labels, tmp_path, wanted=wanted)
    whole, slabs = (read_scores(folder / "scores.csv") for folder in (done, tmp_path))
    for case, row in whole.items():
        assert slabs[case] == pytest.approx(row, nan_ok=True, rel=1e-9)
    tables = [json.loads((folder / "metrics.json").read_text()) for folder in (done, tmp_path)]
    pooled = [table["calibration_errors"]["rows"]["boundary: class_2"] for table in tables]
    assert pooled[1] == pytest.approx(pooled[0], rel=1e-9)


def test_a_case_that_fails_counts_nowhere(cohort, tmp_path):
    for name, truth in cohort.truth.items():
        labels = truth if name != "case1" else np.full_like(truth, 7)
        write_labels(tmp_path, name, labels)
    wanted = Wanted(("calibration", "surface", "voxels"))
    found = evaluate_cohort(
        cohort.predictions, tmp_path / "labels", tmp_path / "out", classes=["a", "b"], wanted=wanted
    )
    assert list(found.failed) == ["case1"]
    n_voxels = 3 * cohort.truth["case0"].size
    assert found.metrics["calibration_errors"]["rows"]["all: top label"]["n_voxels"] == n_voxels
    assert found.metrics["voxel_errors"]["rows"]["all: pooled"]["n_voxels"] == n_voxels
    assert found.metrics["surface"]["rows"]["a"]["surface_dice"]["n_cases"] == 3


def test_without_probabilities_what_needs_them_says_so(tmp_path):
    cohort = write_cohort(tmp_path, n_cases=2)
    (cohort.predictions / "cases" / "case0" / "mean_probs.npz").unlink()
    wanted = Wanted(("calibration", "surface", "voxels", "scores"))
    found = evaluate_cohort(cohort.predictions, cohort.labels, tmp_path / "out", wanted=wanted).metrics
    for key in ("calibration_errors", "voxel_errors", "scores"):
        assert found[key] == {"what": NO_CALIBRATION, "rows": {}}
    assert found["surface"]["rows"]["class_1"]["surface_dice"]["n_cases"] == 2
    assert not (tmp_path / "out" / "calibration_bins.json").exists()


def test_an_evaluation_on_top_of_another_leaves_nothing_of_it(tmp_path):
    cohort = write_cohort(tmp_path, n_cases=2)
    for groups in (("calibration", "surface", "voxels", "kits"), ()):
        evaluate_cohort(
            cohort.predictions, cohort.labels, cohort.predictions, wanted=Wanted(groups, raters=cohort.raters)
        )
    rows = read_scores(cohort.predictions / "scores.csv")
    left = {name for name in rows["case0"] if not name.startswith(("dice_", "rater_"))}
    assert left == {"contour_score_class_2", "mean_entropy_bits", "ece_percent", "ece_roi_percent"}


def test_groups_by_name():
    assert groups_of(["all"]) == ("calibration", "failure", "surface", "voxels", "scores")
    assert groups_of(["all", "kits"]) == GROUPS
    with pytest.raises(ArgumentError, match=r"metrics must be among calibration, .* got dice"):
        groups_of(["dice"])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": np.zeros((2, 2, 2), int)}, "got none"),
        ({"raters": np.zeros((2, 2, 2))}, r"got float64 of shape \(2, 2, 2\)"),
        ({"raters": np.zeros((1, 2, 2), int)}, r"got int64 of shape \(1, 2, 2\)"),
        ({"labels": np.zeros((2, 2, 3), int)}, r"on the grid \(2, 2\), got"),
    ],
)
def test_raters_that_cannot_be_used(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_raters(tmp_path / "a.npz", (2, 2))


def test_a_damaged_file_of_raters_and_no_folder(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="cannot be read as raters"):
        read_raters(tmp_path / "a.npz", (2, 2))
    with pytest.raises(ArgumentError, match="raters must be a folder"):
        Wanted(raters=tmp_path / "nowhere").measures()
