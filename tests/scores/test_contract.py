"""Every file in scores/ is a score: a function of its name, called alike, and found by itself."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import numpy as np
import pytest

from ckpt_uq import scores
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.prediction import Prediction

FILES = sorted(path.stem for path in Path(scores.__file__).parent.glob("[!_]*.py"))
EVERY_SCORE = pytest.mark.parametrize("name", FILES)


def disc(certainty: float) -> Prediction:
    """A disc whose rim is unsure, and about whose radius members differ: both more for low certainty."""
    y, x = np.indices((24, 24)) - 11.5
    away = np.hypot(y, x) - 6
    members = [1 / (1 + np.exp(certainty * away + shift)) for shift in (-0.8, 0.0, 0.8)]
    ensemble = CheckpointEnsemble(
        [lambda x, p=p: np.stack([1 - p, p])[None] for p in members], outputs="probs", labels=True
    )
    return ensemble.predict(np.zeros((1, 24, 24)))


def test_every_file_is_found():
    assert "contour_entropy" in FILES
    assert sorted(scores.__all__) == FILES


@EVERY_SCORE
def test_the_function_has_the_name_of_its_file(name):
    score = getattr(scores, name)
    assert (score.__name__, score.__module__) == (name, f"ckpt_uq.scores.{name}")
    assert "Examples" in score.__doc__
    required = [p for p in inspect.signature(score).parameters.values() if p.default is p.empty]
    assert [p.name for p in required] == ["prediction", "class_index"]


@EVERY_SCORE
def test_a_score_is_one_float_and_higher_for_less_sure(name):
    score = getattr(scores, name)
    sure, unsure = score(disc(5.0), 1), score(disc(0.5), 1)
    assert type(sure) is float
    assert math.isfinite(sure)
    assert sure < unsure
