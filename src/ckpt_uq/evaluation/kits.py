"""What the KiTS23 challenge measures: its regions, its tolerances, its rules for empty masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.evaluation.surface_dice import surface_dice
from ckpt_uq.probabilities import require_labels


class KitsRegion(NamedTuple):
    """A region and how far its surface may be off."""

    labels: tuple[int, ...]
    tolerance_mm: float


KITS_REGIONS = {
    "kidney_and_mass": KitsRegion((1, 2, 3), 1.0330772532390826),
    "mass": KitsRegion((2, 3), 1.1328796488598762),
    "tumour": KitsRegion((2,), 1.1498198361434828),
}
"""Regions over the labels 1 kidney, 2 tumour, 3 cyst; the tolerances come from how far annotators differ."""


class KitsScore(NamedTuple):
    """Agreement in one region; 1 if neither has it, 0 if one has."""

    dice: float
    surface_dice: float


def kits_scores(prediction: Any, labels: Any, *, spacing: Sequence[float]) -> dict[str, KitsScore]:
    """Dice and surface Dice of one case in the three regions of KiTS23.

    Parameters
    ----------
    prediction, labels : array
        Integers, of one shape (z, y, x): 0 background, 1 kidney, 2 tumour, 3 cyst.
    spacing : sequence of float
        Of the voxels in mm, one number an axis.

    Returns
    -------
    dict of str to KitsScore
        By the names of :data:`KITS_REGIONS`.

    Raises
    ------
    ArgumentError
        If shapes differ, or the arrays are not integer.

    References
    ----------
    .. [1] N. Heller et al. (2023), The KiTS21 challenge, arXiv:2307.01984.

    Examples
    --------
    >>> truth = np.zeros((4, 6, 6), np.uint8)
    >>> truth[1:3, 1:5, 1:5], truth[1:3, 2:4, 2:4] = 1, 2
    >>> guess = np.where(truth == 2, 3, truth)  # the tumour is taken for a cyst
    >>> {name: score.dice for name, score in kits_scores(guess, truth, spacing=(3.0, 0.8, 0.8)).items()}
    {'kidney_and_mass': 1.0, 'mass': 1.0, 'tumour': 0.0}
    """
    guess, truth = on_host(prediction, "prediction"), on_host(labels, "labels")
    require_labels(truth, truth.shape)
    require_labels(guess, truth.shape, "prediction")
    scores = {}
    for name, region in KITS_REGIONS.items():
        a, b = np.isin(guess, region.labels), np.isin(truth, region.labels)
        dice = dice_per_class(a, b, 2)[1]
        scores[name] = KitsScore(
            1.0 if np.isnan(dice) else float(dice), surface_dice(a, b, region.tolerance_mm, spacing=spacing)
        )
    return scores
