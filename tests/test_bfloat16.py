"""bfloat16 in host memory: the same numbers as of its float32, without a copy of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ckpt_uq import arrays, maps
from ckpt_uq.analysis import analyze
from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.sketch import CalibrationSketch
from ckpt_uq.evaluation.nll import nll
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_terms


def _sums(probs, labels):
    found = analyze(probs, labels)
    return [found.entropy_bits, found.contour_voxels, found.confusion, *found.bins.sums]


def _counted(counter):
    def of(probs, labels):
        counter_of = counter()
        counter_of.update(probs, labels)
        return [*(counter_of.sums if isinstance(counter_of, CalibrationBins) else counter_of.cells)]

    return of


WAYS = {
    "entropy": lambda probs, labels: [maps.predictive_entropy(probs)],
    "class_entropy": lambda probs, labels: [maps.class_entropy(probs)],
    "confidence": lambda probs, labels: [maps.max_softmax(probs)],
    "likeliest_class": lambda probs, labels: [maps.likeliest_class(probs)],
    "analysis": _sums,
    "contours": lambda probs, labels: contour_terms(Prediction.from_probs(probs), 2).contour_voxels,
    "nll": lambda probs, labels: [nll(probs, labels)],
    "bins": _counted(CalibrationBins),
    "bins_of_classes": _counted(lambda: CalibrationBins(kind="class_wise")),
    "sketch": _counted(CalibrationSketch),
}


def case(grid):
    logits = 4 * torch.randn(4, *grid, generator=torch.Generator().manual_seed(0))
    return logits.softmax(0).bfloat16(), torch.randint(0, 4, grid, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layout", ["contiguous", "class_last"])
@pytest.mark.parametrize("way", WAYS)
def test_as_its_single_precision(way, layout, monkeypatch):
    probs, labels = case((5, 40, 30))
    if layout == "class_last":
        probs = probs.movedim(0, -1).contiguous().movedim(-1, 0)
    expected = WAYS[way](probs.float(), labels)
    views = arrays._numpy_view

    def view(tensor):
        assert tensor.dtype != torch.bfloat16, "copied as a whole"
        return views(tensor)

    monkeypatch.setattr(arrays, "_numpy_view", view)
    for got, wanted in zip(WAYS[way](probs, labels), expected, strict=True):
        np.testing.assert_array_equal(np.asarray(got), np.asarray(wanted))
