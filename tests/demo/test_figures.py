from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.demo import figures
from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.datasets import find_dataset
from ckpt_uq.demo.figures.panels import Shown, spread
from ckpt_uq.demo.figures.style import ENSEMBLE, SINGLE
from ckpt_uq.demo.scoring import CaseScores, score_case
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.manifest import read_run
from ckpt_uq.report.colours import class_colour, rgb_of
from ckpt_uq.selection import PeakCheckpointSelector

CLASSES = ("kidney", "tumour", "cyst")


def _pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=int)


def _has(pixels: np.ndarray, colour: str, at_least: int = 20) -> bool:
    return (np.abs(pixels - rgb_of(colour)).max(axis=-1) <= 2).sum() >= at_least


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(3):
        labels = np.zeros((2, 24, 32), np.uint8)
        labels[1, 8:16, 6:14] = 1
        labels[1, 10:14, 10 : 18 + i] = 2
        labels[1, 14:17, 20:24] = 3
        case = Case(f"case_{i}", labels * 40.0, labels, np.eye(4), np.stack([labels, np.roll(labels, 1, 1)]))
        truth = (np.arange(4)[:, None, None, None] == labels) * 4.0
        noise = rng.normal(scale=0.5 + i, size=(2, *truth.shape))
        members = [lambda x, n=n, t=truth: (t + n)[None].astype(np.float32) for n in noise]
        prediction = CheckpointEnsemble(members).predict(case.image.astype(np.float32)[None])
        found.append(Shown(case, prediction, score_case(prediction, case, CLASSES)))
    return found


def test_panels_show_every_class_in_its_colour(tmp_path, shown):
    figures.draw_panels(tmp_path / "p.png", shown, find_dataset("phantom"))
    pixels = _pixels(tmp_path / "p.png")
    assert pixels.shape[1] > 1200
    assert all(_has(pixels, class_colour(label)) for label in (1, 2, 3))


def test_panels_range_from_the_most_uncertain_to_the_surest(shown):
    rows = spread(shown, "tumour")
    scores = [row.scores.contour_score["tumour"] for row in rows.values()]
    assert list(rows) == ["most uncertain", "in the middle", "surest"]
    assert scores == sorted(scores, reverse=True)
    assert len({row.case.name for row in rows.values()}) == 3


def test_panels_leave_out_cases_without_a_score(shown):
    nameless = _with_score(shown[0], math.nan)
    rows = spread([nameless, shown[1]], "tumour")
    assert {row.case.name for row in rows.values()} == {"case_1"}
    assert len(spread([nameless], "tumour")) == 3  # better than nothing


@pytest.mark.parametrize("where", ["nowhere", "corner"])
def test_panels_of_odd_cases(tmp_path, shown, where):
    labels = np.zeros_like(shown[0].case.labels)
    if where == "corner":
        labels[0, 0, 0] = 1
    probs = np.stack([labels == k for k in range(4)]).astype(np.float32)
    prediction = CheckpointEnsemble([lambda x: probs[None]], outputs="probs").predict(
        shown[0].case.image[None]
    )
    case = replace(shown[0].case, labels=labels, raters=None)
    odd = Shown(case, prediction, score_case(prediction, case, CLASSES))
    figures.draw_panels(tmp_path / "p.png", [odd], find_dataset("phantom"))
    assert _pixels(tmp_path / "p.png").std() > 1


def test_reliability_draws_both(tmp_path):
    pair = []
    for shift in (0.1, 0.3):
        bins = CalibrationBins()
        p = np.random.default_rng(0).uniform(0.5, 1, 5000)
        labels = (np.random.default_rng(1).uniform(size=5000) > p - shift).astype(int)
        bins.update(np.stack([p, 1 - p]), labels)
        pair.append(bins)
    figures.draw_reliability(tmp_path / "one.png", {"all voxels": (pair[0], pair[1])})
    figures.draw_reliability(tmp_path / "two.png", {"a": (pair[0], pair[1]), "b": (pair[1], pair[0])})
    one, two = _pixels(tmp_path / "one.png"), _pixels(tmp_path / "two.png")
    assert two.shape[1] == 2 * one.shape[1]
    assert _has(one, ENSEMBLE, 200)
    assert _has(one, SINGLE, 200)


def test_scatter_names_the_worst(tmp_path, shown):
    scores = [
        _with_score(shown[0], s, dice=d).scores for s, d in ((1.0, 0.9), (2.0, 0.8), (3.0, 0.1), (9.0, 0.2))
    ]
    figures.draw_uncertainty_against_dice(tmp_path / "s.png", scores, "tumour", -0.8)
    pixels = _pixels(tmp_path / "s.png")
    assert _has(pixels, ENSEMBLE)
    assert _has(pixels, SINGLE)


def test_scatter_without_any_score_is_empty(tmp_path, shown):
    nothing = [_with_score(shown[0], math.nan).scores]
    figures.draw_uncertainty_against_dice(tmp_path / "s.png", nothing, "tumour", math.nan)
    assert not _has(_pixels(tmp_path / "s.png"), ENSEMBLE, 1)


def test_training_marks_members_and_the_best(tmp_path):
    import torch

    selector = PeakCheckpointSelector(tmp_path / "run", cycles=[3, 3], k=1)
    for epoch, score in enumerate([0.1, 0.5, 0.4, 0.3, 0.7, 0.6]):
        selector.step(epoch, score, torch.nn.Linear(1, 1), lr=0.1)
    run = read_run(tmp_path / "run")
    figures.draw_training(tmp_path / "t.png", run, run.members[-1])
    pixels = _pixels(tmp_path / "t.png")
    assert _has(pixels, ENSEMBLE)
    assert _has(pixels, SINGLE)


def test_the_same_drawing_is_the_same_file(tmp_path, shown):
    for name in ("a.png", "b.png"):
        figures.draw_panels(tmp_path / name, shown, find_dataset("phantom"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def _with_score(one: Shown, score: float, dice: float = 0.5) -> Shown:
    scores: CaseScores = replace(
        one.scores,
        contour_score={**one.scores.contour_score, "tumour": score},
        dice={**one.scores.dice, "tumour": dice},
    )
    return replace(one, scores=scores)
