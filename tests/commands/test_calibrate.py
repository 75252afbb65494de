"""``ckpt-uq calibrate`` and what ``predict --transform`` makes of it."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from ckpt_uq import posthoc
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.evaluating import opened
from ckpt_uq.evaluating.calibrating import fit_saved
from cohort_folders import SPACING, write_cohort
from command_line import here
from commands_tiny import image_of
from reference import moments
from reference.entropy import entropy_map

STEPS = ("--model", "my_network:make", "--preprocess", "my_network:tenth", "--inferer", "slices")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_cases=3)


def in_memory(cohort, scope="dilated_roi"):
    options = {"pixels": 4, "width": 3.0, "spacing": SPACING}
    return [
        (probs, cohort.truth[name], scope_mask(cohort.truth[name], scope, **options))
        for name, probs in cohort.probs.items()
    ]


@pytest.mark.parametrize("method", ["temperature", "class_wise", "vector"])
def test_the_fit_is_that_of_the_arrays(cohort, tmp_path, method, monkeypatch):
    monkeypatch.setattr(opened, "_SLAB_VALUES", 1)
    out = tmp_path / "calibration.json"
    done = here("calibrate", cohort.predictions, cohort.labels, "-o", out, "--method", method, "--json")
    assert done.exit_code == 0, done.output
    said, fit = json.loads(done.stdout), posthoc.fit_scaling(in_memory(cohort), method, inputs="probs")
    assert posthoc.load_transform(out).scale == pytest.approx(fit.transform.scale, rel=1e-6)
    assert posthoc.load_transform(out).shift == pytest.approx(fit.transform.shift, abs=1e-6)
    assert (said["n_voxels"], said["n_cases"]) == (fit.n_voxels, 3)
    assert said["nll_after"] == pytest.approx(fit.nll_after)
    assert said["nll_after"] < said["nll_before"]


def test_two_temperatures(tmp_path):
    cohort = write_cohort(tmp_path, n_cases=2, mislabelled=0.1)
    fit = fit_saved(cohort.predictions, cohort.labels, method="boundary", scope="all")
    logits = [(np.log(np.maximum(p, 1e-12)), truth) for p, truth, _ in in_memory(cohort)]
    expected = posthoc.fit_boundary_temperature(logits)
    assert (fit.transform.near, fit.transform.far) == pytest.approx((expected.near, expected.far), rel=1e-6)
    assert fit.nll_after < fit.nll_before


def test_the_scope_says_which_voxels_count(cohort):
    fit = fit_saved(cohort.predictions, cohort.labels, scope="boundary")
    assert fit.n_voxels == sum(mask.sum() for *_, mask in in_memory(cohort, "boundary"))


def test_what_is_missing_is_named(cohort, tmp_path):
    other = write_cohort(tmp_path, n_cases=2)
    (other.predictions / "cases" / "case1" / "mean_probs.npz").unlink()
    out = ("-o", tmp_path / "calibration.json")
    done = here("calibrate", other.predictions, other.labels, *out)
    assert done.exit_code == 1
    assert "case1 must hold mean_probs.npz" in done.stderr
    (other.labels / "case0.nii.gz").unlink()
    assert "found none of case0" in here("calibrate", other.predictions, other.labels, *out).stderr
    assert not (tmp_path / "calibration.json").exists()


@pytest.fixture
def calibration(tmp_path):
    posthoc.save_transform(tmp_path / "t.json", posthoc.LogitScaling.of_temperature(2.0))
    return tmp_path / "t.json"


def maps_of(folder):
    names = ("segmentation", "entropy", "mutual_information")
    return {name: np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj).T for name in names}


def predict(tiny, images, out, *options):
    return here("predict", tiny.run, *STEPS, images, "-o", out, *options)


def test_predict_maps_the_mean(in_tiny, images, tmp_path, calibration):
    assert predict(in_tiny, images, tmp_path / "plain").exit_code == 0
    done = predict(in_tiny, images, tmp_path / "out", "--transform", calibration, "--save-probs")
    assert done.exit_code == 0, done.output
    mean = moments.ensemble(in_tiny.logits(image_of(0) / 10), "logits")["mean_prob"]
    root = np.sqrt(mean) / np.sqrt(mean).sum(axis=0)  # a temperature of 2
    found, plain = (maps_of(tmp_path / out / "cases" / "a") for out in ("out", "plain"))
    np.testing.assert_allclose(found["entropy"], entropy_map(root), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found["mutual_information"], plain["mutual_information"])
    np.testing.assert_array_equal(found["segmentation"], plain["segmentation"])
    with np.load(tmp_path / "out" / "cases" / "a" / "mean_probs.npz") as arrays:
        np.testing.assert_allclose(arrays["probabilities"], root, rtol=0, atol=5e-4)


def test_predict_maps_each_member(in_tiny, images, tmp_path, calibration):
    options = ("--transform", calibration, "--transform-at", "members")
    assert predict(in_tiny, images, tmp_path / "out", *options).exit_code == 0
    halved = [logits / 2 for logits in in_tiny.logits(image_of(1) / 10)]
    expected = moments.ensemble(halved, "logits")
    found = maps_of(tmp_path / "out" / "cases" / "b")
    np.testing.assert_allclose(found["entropy"], expected["predictive_entropy"], rtol=0, atol=2e-6)
    np.testing.assert_allclose(found["mutual_information"], expected["mutual_information"], rtol=0, atol=2e-6)


def test_cases_of_another_calibration_are_not_taken_for_these(in_tiny, images, tmp_path, calibration):
    assert predict(in_tiny, images, tmp_path / "out").exit_code == 0
    done = predict(in_tiny, images, tmp_path / "out", "--transform", calibration)
    assert done.exit_code == 1
    assert "made with other settings: transform None, now" in done.stderr


def test_a_file_that_is_no_calibration(in_tiny, images, tmp_path):
    (tmp_path / "t.json").write_text("{}")
    done = predict(in_tiny, images, tmp_path / "out", "--transform", tmp_path / "t.json")
    assert done.exit_code == 1
    assert "is no saved transform" in done.stderr
