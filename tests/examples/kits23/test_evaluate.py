"""Predictions of a system against labels, held against plain NumPy on the same files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner, Result

from ckpt_uq import Prediction
from ckpt_uq.evaluation.kits import KITS_REGIONS
from ckpt_uq.io.scores_csv import read_scores
from ckpt_uq.scores.contour_entropy import contour_terms
from kits23.cli import app
from kits23.work import Work

Array = npt.NDArray[np.generic]


def evaluate(work: Work, *options: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", str(work.root), *options], env={"COLUMNS": "200"})


def in_file(path: Path) -> Array:
    """Voxels as nibabel has them: axes z, y, x of KiTS23."""
    return np.asarray(nib.load(path).dataobj)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def metrics_of(work: Work, system: str = "rel_unet") -> dict[str, object]:
    return json.loads((work.evaluation / system / "metrics.json").read_text())


def cases_of(work: Work, system: str = "rel_unet") -> dict[str, tuple[Array, Array]]:
    """Segmentation and truth of every case, in the file's axes."""
    return {
        folder.name: (
            in_file(folder / "segmentation.nii.gz"),
            in_file(work.raw / "labelsTs" / f"{folder.name}.nii.gz"),
        )
        for folder in sorted((work.predictions / system / "cases").iterdir())
    }


def dice(a: Array, b: Array) -> float:
    total = a.sum() + b.sum()
    return 2 * (a & b).sum() / total if total else 1.0


def test_kits_regions_have_their_dice(evaluated: Work) -> None:
    rows = read_scores(evaluated.evaluation / "rel_unet" / "scores.csv")
    cases = cases_of(evaluated)
    assert rows.keys() == cases.keys()
    assert len(cases) == 4
    for name, (guess, truth) in cases.items():
        for region, (labels, _) in KITS_REGIONS.items():
            expected = dice(np.isin(guess, labels), np.isin(truth, labels))
            assert rows[name][f"kits_dice_{region}"] == pytest.approx(expected)
            assert 0 <= rows[name][f"kits_surface_dice_{region}"] <= 1
    said = metrics_of(evaluated)["kits"]
    for region in KITS_REGIONS:
        mean = np.mean([row[f"kits_dice_{region}"] for row in rows.values()])
        assert said[region]["dice"] == pytest.approx(mean)


def test_surface_dice_takes_every_axis_for_itself(predicted: Work) -> None:
    """A shift along the slices is many millimetres, one in the plane fewer: the order of axes decides."""
    (folder, *_) = sorted((predicted.predictions / "rel_unet" / "cases").iterdir())
    path = predicted.raw / "labelsTs" / f"{folder.name}.nii.gz"
    image = nib.load(path)
    truth = np.zeros(image.shape, np.uint8)
    truth[2:8, 10:30, 10:30] = 1
    thin = np.diag([-9.0, -0.5, -0.5, 1.0])[[2, 1, 0, 3]]  # half a millimetre in the plane: within tolerance
    guess = np.roll(truth, 1, axis=2)
    for target, data in ((path, truth), (folder / "segmentation.nii.gz", guess)):
        nib.save(nib.Nifti1Image(data, thin), target)
    nib.save(nib.Nifti1Image(np.zeros(truth.shape, np.float32), thin), folder / "entropy.nii.gz")
    assert evaluate(predicted).exit_code == 0
    row = read_scores(predicted.evaluation / "rel_unet" / "scores.csv")[folder.name]
    assert row["kits_surface_dice_kidney_and_mass"] == 1
    assert row["kits_surface_dice_tumour"] == 1, "neither has one"


def test_slices_are_those_of_the_whole_volume(evaluated: Work) -> None:
    rows = table(evaluated.evaluation / "rel_unet" / "slices.csv")
    for name, (guess, truth) in cases_of(evaluated).items():
        folder = evaluated.predictions / "rel_unet" / "cases" / name
        probs = np.load(folder / "mean_probs.npz")["probabilities"].astype(np.float32)
        entropy = in_file(folder / "entropy.nii.gz")
        here = [row for row in rows if row["case"] == name]
        assert [int(row["slice"]) for row in here] == list(range(len(truth)))
        whole = np.stack([probs[0], 1 - probs[0]])
        scores = contour_terms(Prediction.from_probs(whole), 1, slice_axis=2).slices
        for index, row in enumerate(here):
            said = float(row["contour_score_foreground"] or math.nan)
            assert said == pytest.approx(scores[index], rel=1e-4, nan_ok=True)
        for label, of in ((1, "kidney"), (2, "tumour"), (3, "cyst")):
            scores = contour_terms(Prediction.from_probs(probs), label, slice_axis=2).slices
            for index, row in enumerate(here):
                said = float(row[f"contour_score_{of}"] or math.nan)
                assert said == pytest.approx(scores[index], rel=1e-4, nan_ok=True)
                assert int(row[f"true_voxels_{of}"]) == (truth[index] == label).sum()
                if (truth[index] == label).any() or (guess[index] == label).any():
                    expected = dice(guess[index] == label, truth[index] == label)
                    assert float(row[f"dice_{of}"]) == pytest.approx(expected, abs=1e-5)
                else:
                    assert row[f"dice_{of}"] == ""
        assert [float(row["mean_entropy_bits"]) for row in here] == pytest.approx(
            entropy.mean(axis=(1, 2)).tolist(), rel=1e-3
        )


def binned(confidence: Array, hits: Array) -> float:
    """ECE in percent, 15 bins (lo, hi], the plain way."""
    error = 0.0
    for index in range(15):
        inside = (confidence > index / 15) & (confidence <= (index + 1) / 15)
        if inside.any():
            error += abs(float(hits[inside].mean()) - float(confidence[inside].mean())) * inside.sum()
    return 100 * error / len(confidence)


def test_calibration_is_the_plain_one(evaluated: Work) -> None:
    kidney, own, truths, top, right = [], [], [], [], []
    for name, (guess, truth) in cases_of(evaluated).items():
        probs = np.load(evaluated.predictions / "rel_unet" / "cases" / name / "mean_probs.npz")
        p = np.transpose(probs["probabilities"], (0, 3, 2, 1)).astype(np.float64)
        kidney.append(p[1].ravel())
        own.append((guess == 1).ravel())
        truths.append((truth == 1).ravel())
        top.append(p.max(axis=0).ravel())
        right.append((p.argmax(axis=0) == truth).ravel())
    said = metrics_of(evaluated)
    p = np.concatenate(kidney)
    assert said["ece_released_percent"] == pytest.approx(
        binned(p[p > 0], np.concatenate(own)[p > 0]), rel=1e-3
    )
    with_zero = np.maximum(p, 1e-12)
    expected = binned(with_zero, np.concatenate(truths))
    assert said["ece_per_class_percent"]["kidney"] == pytest.approx(expected, rel=1e-3)
    expected = binned(np.minimum(np.concatenate(top), 1.0), np.concatenate(right))
    assert said["ece_percent"] == pytest.approx(expected, rel=1e-3)


def test_worse_predictions_look_worse(evaluated: Work) -> None:
    better, worse = metrics_of(evaluated, "rel_unet"), metrics_of(evaluated, "full_train")
    for region in KITS_REGIONS:
        assert better["kits"][region]["dice"] > worse["kits"][region]["dice"]
    against = better["uncertainty_against_dice"]
    assert set(against) == {
        *(f"contour_score_{name}" for name in ("foreground", "kidney", "tumour", "cyst")),
        "mean_entropy_bits",
        "mean_mutual_information_bits",
    }
    rows = read_scores(evaluated.evaluation / "rel_unet" / "scores.csv").values()
    ranks = [np.argsort(np.argsort([row[c] for row in rows])) for c in ("mean_entropy_bits", "dice_mean")]
    rho = np.corrcoef(ranks)[0, 1]
    assert against["mean_entropy_bits"]["dice_mean"]["spearman"] == pytest.approx(rho)


def test_a_bad_case_is_named_and_the_others_are_done(predicted: Work) -> None:
    first, second, *_ = sorted((predicted.predictions / "rel_unet" / "cases").iterdir())
    (first / "entropy.nii.gz").write_bytes(b"cut short")
    (predicted.raw / "labelsTs" / f"{second.name}.nii.gz").unlink()
    done = evaluate(predicted, "--system", "rel_unet")
    assert done.exit_code == 3
    assert f"{first.name} failed:" in done.output
    assert f"{second.name} failed: labels must hold {second.name}" in done.output
    said = metrics_of(predicted)
    assert said["failed"] == [first.name, second.name]
    assert len(read_scores(predicted.evaluation / "rel_unet" / "scores.csv")) == 2


def test_without_probabilities_there_is_no_calibration(predicted: Work) -> None:
    for path in predicted.predictions.rglob("mean_probs.npz"):
        path.unlink()
    done = evaluate(predicted)
    assert done.exit_code == 0, done.output
    assert "no mean_probs.npz" in done.output
    said = metrics_of(predicted)
    assert said["ece_percent"] is None
    assert said["ece_released_percent"] is None
    assert said["kits"]["tumour"]["dice"] > 0
    assert "contour_score_kidney" not in table(predicted.evaluation / "rel_unet" / "slices.csv")[0]


def test_a_system_without_a_finished_case_is_passed_over(predicted: Work) -> None:
    (predicted.predictions / "full_train" / "cases" / "case_00000").mkdir(parents=True)
    done = evaluate(predicted)
    assert done.exit_code == 0, done.output
    assert [path.name for path in predicted.evaluation.iterdir()] == ["rel_unet"]


def test_nothing_to_evaluate_is_an_error(tmp_path: Path) -> None:
    done = evaluate(Work(tmp_path))
    assert done.exit_code == 1
    assert "run kits23 prepare first" in done.output
    Work(tmp_path).preparation.write_text("{}")
    done = evaluate(Work(tmp_path))
    assert done.exit_code == 1
    assert "run kits23 predict" in done.output
