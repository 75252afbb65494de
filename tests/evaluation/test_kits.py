"""The challenge's regions and its rules for empty masks."""

from __future__ import annotations

import numpy as np
import pytest

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.kits import KITS_REGIONS, kits_scores
from ckpt_uq.evaluation.surface_dice import surface_dice
from reference.dice import dice


def test_regions_are_nested_and_have_their_own_tolerances():
    assert [region.labels for region in KITS_REGIONS.values()] == [(1, 2, 3), (2, 3), (2,)]
    assert [round(region.tolerance_mm, 4) for region in KITS_REGIONS.values()] == [1.0331, 1.1329, 1.1498]


def test_each_region_is_one_mask():
    rng = np.random.default_rng(0)
    guess, truth = np.repeat(rng.integers(0, 4, (2, 3, 3, 3)), 4, axis=2)
    spacing = (3.0, 1.2, 2.0)
    scores = kits_scores(guess, truth, spacing=spacing)
    for name, region in KITS_REGIONS.items():
        a, b = np.isin(guess, region.labels), np.isin(truth, region.labels)
        assert scores[name].dice == pytest.approx(dice(a, b, 1))
        assert scores[name].surface_dice == surface_dice(a, b, region.tolerance_mm, spacing=spacing)
        assert 0 < scores[name].surface_dice < 1


def test_both_empty_is_one_and_one_empty_is_zero():
    healthy = np.zeros((3, 4, 4), int)
    healthy[1, 1:3, 1:3] = 1
    ill = healthy.copy()
    ill[1, 1, 1] = 2
    spacing = (3.0, 1.0, 1.0)
    assert kits_scores(healthy, healthy, spacing=spacing)["tumour"] == (1.0, 1.0)
    for guess, truth in ((healthy, ill), (ill, healthy)):
        assert kits_scores(guess, truth, spacing=spacing)["tumour"] == (0.0, 0.0)
        assert kits_scores(guess, truth, spacing=spacing)["kidney_and_mass"] == (1.0, 1.0)


def test_labels_are_integers():
    with pytest.raises(ArgumentError, match="prediction must be integers"):
        kits_scores(np.zeros((2, 2, 2)), np.zeros((2, 2, 2), int), spacing=(1, 1, 1))
