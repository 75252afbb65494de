"""Every score of uncertainty that the mean probabilities tell."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq import scores
from ckpt_uq.evaluating.measures.measure import Table, means
from ckpt_uq.evaluating.opened import OpenCase
from ckpt_uq.prediction import Prediction

NEED_MEMBERS = ("pairwise_dice", "volume_spread")
"""Scores of what each member said, which predict --save-members computes."""

PREFIX = "score_"

Array = npt.NDArray[Any]


class CaseScores:
    """One case: its probabilities come together, and are scored."""

    def __init__(self, case: OpenCase) -> None:
        self._case = case
        self._probs: Array | None = None
        self._found: dict[str, float] | None = None

    def slab(self, part: slice, probs: Array) -> None:
        """Keep the slab: a score is of the whole."""
        if self._probs is None:
            self._probs = np.empty((len(probs), *self._case.truth.shape), np.float32)
        self._probs[:, part] = probs

    def scores(self) -> dict[str, float]:
        """One number a score and class, computed once; the probabilities are let go."""
        if self._found is None:
            prediction = Prediction.from_probs(self._probs)
            self._probs = None
            self._found = {
                f"{PREFIX}{name}_{of_class}": _score(name, prediction, index, self._case)
                for name in scores.__all__
                if name not in NEED_MEMBERS
                for index, of_class in enumerate(self._case.classes, start=1)
            }
        return self._found


class ScoresMeasure:
    """All scores of the mean probabilities, for each foreground class; memory is that of one case's."""

    key = "scores"
    columns: tuple[str, ...] = (PREFIX,)
    what = (
        "Means over cases, with each score's default settings and the image's spacing. Scores of what the "
        f"members said ({', '.join(NEED_MEMBERS)}) come from predict --save-members."
    )

    def __init__(self) -> None:
        self._cases: list[dict[str, float]] = []

    def begin(self, case: OpenCase) -> CaseScores | None:
        """Measure a case that has probabilities."""
        return None if case.probs is None else CaseScores(case)

    def keep(self, case: CaseScores) -> None:
        """Keep the numbers of a case."""
        self._cases.append(case.scores())

    def table(self) -> Table:
        """A row a class and score."""
        return {name.removeprefix(PREFIX): {"score": mean} for name, mean in means(self._cases).items()}


def _score(name: str, prediction: Prediction, index: int, case: OpenCase) -> float:
    score = getattr(scores, name)
    takes = inspect.signature(score).parameters
    options: dict[str, Any] = {"spacing": case.geometry.spacing} if "spacing" in takes else {}
    if "slice_axis" in takes:
        options["slice_axis"] = case.geometry.axial_axis
    return float(score(prediction, index, **options))
