from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from scipy.stats import rankdata

from ckpt_uq.demo.calibrating import fit_temperature
from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.metrics import calibrated_comparison, comparison, rater_metrics, uncertainty_metrics
from ckpt_uq.demo.outputs import write_bins, write_case, write_json, write_scores
from ckpt_uq.demo.scoring import CaseScores, as_foreground, score_calibration, score_case
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.io.nifti import read_volume
from ckpt_uq.posthoc.scaling import LogitScaling
from ckpt_uq.prediction import Prediction
from ckpt_uq.report.results import read_results

CLASSES = ("kidney", "tumour")
SHAPE = (2, 20, 24)


def _case(seed: int, raters: bool = True) -> Case:
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 6:14, 5:12] = 1
    labels[:, 8:12, 10:16] = 2
    drawn = np.stack([labels, np.roll(labels, 1, axis=2), labels]) if raters else None
    affine = np.diag([-2.0, -3.0, 4.0, 1.0])
    return Case(f"case_{seed}", rng.normal(size=SHAPE).astype(np.float32), labels, affine, drawn)


def _prediction(case: Case, seed: int, spread: float = 1.5) -> Prediction:
    """Three members that see the truth through noise."""
    rng = np.random.default_rng(100 + seed)
    truth = (np.arange(3)[:, None, None, None] == case.labels).astype(np.float32) * 3
    noise = [rng.normal(scale=spread, size=truth.shape).astype(np.float32) for _ in range(3)]
    members = [lambda x, n=n: (truth + n)[None] for n in noise]
    return CheckpointEnsemble(members).predict(case.image[None])


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [_case(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def predictions(cases) -> list[Prediction]:
    return [_prediction(case, i) for i, case in enumerate(cases)]


@pytest.fixture(scope="module")
def scores(cases, predictions) -> list[CaseScores]:
    return [score_case(p, c, CLASSES) for p, c in zip(predictions, cases, strict=True)]


@pytest.fixture(scope="module")
def single(cases) -> list[CaseScores]:
    return [score_case(_prediction(case, i, spread=2.5), case, CLASSES) for i, case in enumerate(cases)]


def test_dice_of_a_case_equals_the_formula(cases, predictions, scores):
    guess, truth = predictions[0].segmentation, cases[0].labels
    expected = [
        2 * ((guess == k) & (truth == k)).sum() / ((guess == k).sum() + (truth == k).sum()) for k in (1, 2)
    ]
    assert list(scores[0].dice.values()) == pytest.approx(expected)
    assert list(scores[0].dice) == list(CLASSES)
    assert scores[0].dice_mean == pytest.approx(np.mean(expected))


def test_foreground_is_what_is_not_background(predictions):
    merged = as_foreground(predictions[0])
    np.testing.assert_allclose(merged.mean_prob[1], predictions[0].mean_prob[1:].sum(axis=0), atol=1e-6)
    assert merged.mean_prob.min() >= 0


def test_calibration_is_pooled_over_voxels_not_cases(cases, predictions, scores, single):
    confidence = np.concatenate([p.mean_prob.max(axis=0).ravel() for p in predictions]).astype(np.float64)
    right = np.concatenate(
        [(p.segmentation == c.labels).ravel() for p, c in zip(predictions, cases, strict=True)]
    )
    bins = np.clip(np.ceil(confidence * 15) - 1, 0, 14).astype(int)
    gaps = [abs((right[bins == b].astype(float) - confidence[bins == b]).sum()) for b in range(15)]
    metrics = comparison(scores, single)
    assert metrics["ece_percent"] == pytest.approx(100 * sum(gaps) / len(right), rel=1e-4)


def test_the_roi_is_the_truth_and_four_pixels_around(cases, predictions, scores, single):
    assert scores[0].bins_roi.n_samples < scores[0].bins.n_samples
    assert scores[0].nll_roi.n_voxels == scores[0].bins_roi.n_samples
    inside = _steps_from(cases[0].labels > 0) <= 4
    assert scores[0].bins_roi.n_samples == inside.sum()
    likelihood = np.take_along_axis(predictions[0].mean_prob, cases[0].labels[None].astype(int), 0)[0]
    nats = -np.log(likelihood[inside].astype(np.float64)).sum()
    assert scores[0].nll_roi.nats == pytest.approx(nats, rel=1e-5)


def test_the_difference_is_ensemble_minus_single_with_an_interval(scores, single):
    metrics = comparison(scores, single)
    for name in ("dice_mean", "ece_percent", "ece_roi_percent", "nll_roi"):
        gain = metrics["ensemble_minus_best_single"][name]
        assert gain["estimate"] == pytest.approx(metrics[name] - metrics[f"{name}_best_single"])
        assert gain["low"] <= gain["estimate"] <= gain["high"]
        assert gain["low"] < gain["high"]
        assert gain["n_cases"] == len(scores)
    assert metrics["ensemble_minus_best_single"]["dice_mean"]["estimate"] > 0
    assert metrics["ensemble_minus_best_single"]["nll_roi"]["estimate"] < 0


def test_a_temperature_makes_the_calibration_cases_likeliest_around_the_organ(cases, predictions):
    transform = fit_temperature(predictions, cases)
    (best,) = transform.temperature

    def nats(temperature: float) -> float:
        scaling = LogitScaling.of_temperature(temperature)
        each = [
            score_calibration(p.recalibrated(scaling), c).nll_roi
            for p, c in zip(predictions, cases, strict=True)
        ]
        return sum(one.nats for one in each)

    assert best != pytest.approx(1, abs=0.05)
    assert nats(best) < min(nats(0.95 * best), nats(1.05 * best), nats(1.0))


def test_what_is_calibrated_is_compared_by_its_own_names(cases, predictions, scores, single):
    metrics = calibrated_comparison(scores, single)
    plain = comparison(scores, single)
    for name in ("ece_percent", "ece_roi_percent", "nll_roi"):
        assert metrics[f"{name}_calibrated"] == plain[name]
        assert metrics[f"{name}_best_single_calibrated"] == plain[f"{name}_best_single"]
        assert (
            metrics["ensemble_minus_best_single_calibrated"][name]
            == plain["ensemble_minus_best_single"][name]
        )
    assert not metrics.keys() & plain.keys()


def test_contour_scores_are_averaged_over_the_cases_that_have_one(cases, predictions, scores):
    nothing = np.zeros((3, *SHAPE), np.float32)
    nothing[0] = 1
    empty = score_case(_with_information(Prediction.from_probs(nothing), predictions[0]), cases[0], CLASSES)
    metrics = uncertainty_metrics([*scores, empty], "tumour")
    known = [case.contour_score["tumour"] for case in scores]
    assert metrics["contour_score"]["tumour"] == {"mean": pytest.approx(np.mean(known)), "n_nan": 1}
    assert metrics["contour_settings"]["entropy"] == "all"


@pytest.mark.parametrize("subject", ["foreground", "tumour"])
def test_spearman_takes_score_and_dice_of_the_subject(scores, subject):
    x = rankdata([case.contour_score[subject] for case in scores])
    y = rankdata([case.dice_mean if subject == "foreground" else case.dice[subject] for case in scores])
    metrics = uncertainty_metrics(scores, subject)
    assert metrics["uncertainty_dice_spearman"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert list(metrics["uncertainty_dice_spearman_of"]) == [*CLASSES, "foreground"]


def test_raters_count_where_there_are_any(cases, predictions):
    alone = [_case(0, raters=False), *cases[1:]]
    entropy = np.concatenate([p.predictive_entropy.ravel() for p in predictions[1:]])
    differ = np.concatenate([(c.raters != c.raters[0]).any(axis=0).ravel() for c in cases[1:]])
    above = entropy[differ][:, None] - entropy[~differ][None]
    expected = ((above > 0) + 0.5 * (above == 0)).mean()
    metrics = rater_metrics(predictions, alone)
    assert metrics["rater_disagreement_auroc"] == pytest.approx(expected)
    assert metrics["rater_disagreement_auroc_roi"] != metrics["rater_disagreement_auroc"]
    assert rater_metrics(predictions[:1], alone[:1]) == {}


def test_a_report_reads_what_is_written(tmp_path, cases, predictions, scores, single):
    for case, prediction in zip(cases, predictions, strict=True):
        write_case(tmp_path / "cases" / case.name, case, prediction)
    write_scores(tmp_path / "scores.csv", scores, single)
    write_bins(tmp_path / "calibration_bins.json", scores)
    write_json(tmp_path / "metrics.json", comparison(scores, single))
    results = read_results(tmp_path)
    assert [case.name for case in results.cases] == [case.name for case in cases]
    assert set(results.cases[0].volumes) == {
        "image",
        "labels",
        "segmentation",
        "predictive_entropy",
        "mutual_information",
    }
    assert results.cases[1].scores["dice_mean"] == pytest.approx(scores[1].dice_mean, rel=1e-5)
    everywhere = next(bins for bins in results.bins if bins.scope == "all")
    gaps = np.abs(everywhere.hits.sum(0) - everywhere.confidence.sum(0))
    assert 100 * gaps.sum() / everywhere.count.sum() == pytest.approx(results.metrics["ece_percent"])


def test_volumes_lie_on_the_image_s_grid(tmp_path, cases, predictions):
    write_case(tmp_path / "c", cases[0], predictions[0])
    for name, data in (
        ("image", cases[0].image),
        ("labels", cases[0].labels),
        ("segmentation", predictions[0].segmentation),
        ("entropy", predictions[0].predictive_entropy),
        ("mutual_information", predictions[0].mutual_information),
    ):
        volume = read_volume(tmp_path / "c" / f"{name}.nii.gz")
        np.testing.assert_array_equal(volume.affine, cases[0].affine)
        np.testing.assert_array_equal(volume.data, data)


def test_what_is_no_number_is_null_or_empty(tmp_path, scores):
    lacking = CaseScores(**{**vars(scores[0]), "dice": {"kidney": 0.5, "tumour": math.nan}})
    write_scores(tmp_path / "scores.csv", [lacking], [lacking])
    with (tmp_path / "scores.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["dice_kidney"], row["dice_tumour"], row["dice_mean"]) == ("0.5", "", "0.5")
    assert json.loads(row["contour_settings"])["mask"] == "threshold"
    write_json(tmp_path / "m.json", {"a": [math.nan, 1.0], "b": {"c": math.inf}})
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": [None, 1.0], "b": {"c": None}}


def _steps_from(mask: np.ndarray) -> np.ndarray:
    """Steps along the axes of each slice to the nearest voxel of the mask."""
    at = np.argwhere(mask)
    grid = np.indices(mask.shape)
    steps = np.full(mask.shape, 99)
    for z, y, x in at:
        there = np.where(grid[0] == z, np.abs(grid[1] - y) + np.abs(grid[2] - x), 99)
        steps = np.minimum(steps, there)
    return steps


def _with_information(prediction: Prediction, of: Prediction) -> Prediction:
    """A prediction that knows its members' entropy, which one made of probabilities alone does not."""
    zeros = np.zeros(of.grid, np.float32)
    members = [lambda x: np.log(np.maximum(prediction.mean_prob, 1e-30))[None]] * 2
    return CheckpointEnsemble(members).predict(zeros[None])
