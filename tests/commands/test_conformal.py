"""``ckpt-uq conformal fit`` and ``apply``: what they find on disk is what the arrays give."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ckpt_uq.conformal import ContourRule, load_contour
from ckpt_uq.contouring.applying import apply_contour
from ckpt_uq.evaluating import predictions
from ckpt_uq.io.scores_csv import read_scores
from ckpt_uq.io.volume import Volume, read_volume, write_volume
from cohort_folders import AFFINE, SHAPE, SPACING, write_cohort
from command_line import here, process

N_FITTED = 5


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_cases=N_FITTED)


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Other cases, with other names."""
    found = write_cohort(tmp_path_factory.mktemp("new"), n_cases=2, seed=50)
    for index in range(2):
        (found.predictions / f"cases/case{index}").rename(found.predictions / f"cases/new{index}")
        (found.labels / f"case{index}.nii.gz").rename(found.labels / f"new{index}.nii.gz")
        for arrays in (found.probs, found.truth):
            arrays[f"new{index}"] = arrays.pop(f"case{index}")
    return found


def maps(cohort, rule):
    return {
        name: rule.map_of(probs, cohort.segmentation(name), spacing=SPACING)
        for name, probs in cohort.probs.items()
    }


def expected_lambda(cohort, rule, alpha):
    """The rule of the paper, by the masks of one lambda after another."""
    when = maps(cohort, rule)
    for lam in rule.lambdas:
        lost = 0.0
        for name, truth in cohort.truth.items():
            real, inside = np.isin(truth, rule.labels), rule.inside(when[name], lam)
            wrong = (real & ~inside).sum() if rule.is_outer else (inside & ~real).sum()
            lost += min(1.0, wrong / real.sum())
        if (lost + 1) / (len(when) + 1) <= alpha:
            return lam
    raise AssertionError("no lambda will do")


@pytest.mark.parametrize("label", ["2", "1,2"])
@pytest.mark.parametrize("family", ["threshold", "margin"])
@pytest.mark.parametrize("loss", ["missed_voxels", "surplus_voxels"])
def test_fit_and_apply_are_those_of_the_arrays(cohort, new, tmp_path, monkeypatch, label, family, loss):
    monkeypatch.setattr(predictions.probability_slabs, "__defaults__", (1,))  # a slab is a slice
    kind = ("--label", label, "--family", family, "--loss", loss, "--level", "0.3")
    done = here("conformal", "fit", cohort.predictions, cohort.labels, "-o", tmp_path / "c.json", *kind)
    assert done.exit_code == 0, done.output
    contour = load_contour(tmp_path / "c.json")
    rule = ContourRule(tuple(map(int, label.split(","))), loss, family)
    assert contour.rule == rule
    assert contour.lam == expected_lambda(cohort, rule, 0.3)
    assert contour.cases == tuple(cohort.probs)
    assert contour.where in done.stdout
    assert contour.promise in done.stdout

    out = tmp_path / "contours"
    done = here(
        "conformal",
        "apply",
        new.predictions,
        tmp_path / "c.json",
        "-o",
        out,
        "--labels",
        new.labels,
        "--json",
    )
    assert done.exit_code == 0, done.output
    said, rows = json.loads(done.stdout), read_scores(out / "contours.csv")
    for name, when in maps(new, rule).items():
        volume = read_volume(out / f"{name}.nii.gz")
        np.testing.assert_array_equal(volume.data, rule.inside(when, contour.lam))
        np.testing.assert_allclose(volume.affine, AFFINE)
        assert rows[name]["volume_ml"] == pytest.approx(volume.data.sum() * 4.5 / 1000)
        loss_here = rule.losses(when, rule.truth_in(new.truth[name]), [contour.lam])[0]
        assert rows[name]["loss"] == pytest.approx(loss_here)
    assert said["mean_loss"] == pytest.approx(np.mean([row["loss"] for row in rows.values()]))
    assert sorted(path.name for path in out.iterdir()) == ["contours.csv", "new0.nii.gz", "new1.nii.gz"]


def test_as_a_shell_sees_it(cohort, new, tmp_path):
    fit = ("--label", "2", "--level", "0.3", "-o", "c.json")
    done = process("conformal", "fit", cohort.predictions, cohort.labels, *fit, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        f"at most 30 % of the voxels of label 2 are missed on average, over new cases like these {N_FITTED}"
        in (done.stdout)
    )
    done = process("conformal", "apply", new.predictions, "c.json", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("2 cases, probability >= ")
    again = process("conformal", "apply", cohort.predictions, "c.json", "-o", "again", cwd=tmp_path)
    assert again.returncode == 1
    assert "the contour was fitted on case0, case1, case2, case3, case4, and promises nothing" in again.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "out"]


def test_cases_without_the_label_are_left_out_of_the_promise(tmp_path):
    cohort = write_cohort(tmp_path, n_cases=4)
    write_volume(cohort.labels / "case2.nii.gz", Volume(np.zeros(SHAPE, np.uint8), AFFINE))
    out = tmp_path / "c.json"
    done = here(
        "conformal", "fit", cohort.predictions, cohort.labels, "-o", out, "--label", "2", "--level", "0.5"
    )
    assert done.exit_code == 0, done.output
    assert load_contour(out).cases == ("case0", "case1", "case3")
    too_strict = here(
        "conformal", "fit", cohort.predictions, cohort.labels, "-o", out, "--label", "2", "--level", "0.1"
    )
    assert too_strict.exit_code == 1
    assert (
        "no lambda keeps the loss below alpha = 0.1 with 3 cases; at least 9 are needed" in too_strict.stderr
    )
    assert load_contour(out).alpha == 0.5, "the old file stays"


def test_what_is_missing_or_wrong_is_named(cohort, new, tmp_path):
    other = write_cohort(tmp_path / "other", n_cases=3)
    (other.predictions / "cases/case1/mean_probs.npz").unlink()
    fit = ("conformal", "fit", other.predictions, other.labels, "-o", tmp_path / "c.json", "--level", "0.4")
    done = here(*fit, "--label", "2")
    assert done.exit_code == 1
    assert "case1 must hold mean_probs.npz of classes; predict or combine with --save-probs" in done.stderr
    assert here(*fit, "--label", "2", "--family", "margin").exit_code == 0
    for label, code, message in (("7", 1, "case0"), ("two", 2, "--label"), ("0", 1, "labels must be")):
        done = here(*fit, "--label", label)
        assert done.exit_code == code
        assert message in done.stderr
    (other.labels / "case0.nii.gz").unlink()
    assert "found none of case0" in here(*fit, "--label", "2").stderr


def test_a_file_in_place_of_the_folder_is_an_error(cohort, new, tmp_path):
    fit = ("--label", "2", "--level", "0.3", "-o", tmp_path / "c.json")
    assert here("conformal", "fit", cohort.predictions, cohort.labels, *fit).exit_code == 0
    done = here("conformal", "apply", new.predictions, tmp_path / "c.json", "-o", tmp_path / "c.json")
    assert done.exit_code == 1
    assert "out must be a folder that can be written to, got" in done.stderr


def test_a_case_that_fails_is_named_and_the_others_are_done(cohort, new, tmp_path):
    fit = ("--label", "2", "--level", "0.3", "-o", tmp_path / "c.json")
    assert here("conformal", "fit", cohort.predictions, cohort.labels, *fit).exit_code == 0
    mixed = write_cohort(tmp_path / "mixed", n_cases=3, seed=80)
    for index in range(3):
        (mixed.predictions / f"cases/case{index}").rename(mixed.predictions / f"cases/m{index}")
    (mixed.predictions / "cases/m1/mean_probs.npz").write_bytes(b"PK")
    done = here("conformal", "apply", mixed.predictions, tmp_path / "c.json", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert "m1 failed: " in done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["contours.csv", "m0.nii.gz", "m2.nii.gz"]
    assert sorted(read_scores(tmp_path / "out/contours.csv")) == ["m0", "m2"]
    labelled = apply_contour(
        mixed.predictions, load_contour(tmp_path / "c.json"), tmp_path / "out", labels=mixed.labels
    )
    assert "labels must hold m0, found none" in str(labelled.failed["m0"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["contours.csv"], "nothing of before stays"
