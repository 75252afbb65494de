"""Calibration inside MONAI itself: its call, its lists, its one-hot labels, its buffer."""

from __future__ import annotations

import functools
import math

import monai.metrics
import numpy as np
import pytest
import torch

from ckpt_uq.adapters.monai import CalibrationBinsMetric
from ckpt_uq.calibration import CalibrationBins
from ckpt_uq.errors import ArgumentError


def batch(seed=0, n=3, n_classes=3, grid=(7, 8, 5)):
    generator = torch.Generator().manual_seed(seed)
    probs = (3 * torch.randn(n, n_classes, *grid, generator=generator)).softmax(1)
    return probs, torch.randint(0, n_classes, (n, 1, *grid), generator=generator)


def bins_of(probs, labels, kind):
    cases = []
    for p, y in zip(probs, labels, strict=True):
        bins = CalibrationBins(kind=kind)
        bins.update(p, y[0])
        cases.append(bins)
    return cases


@pytest.mark.parametrize("kind", ["top_label", "class_wise"])
@pytest.mark.parametrize("error", ["ece", "mce"])
def test_pooled_and_by_case(kind, error):
    metric = CalibrationBinsMetric(kind=kind, error=error)
    assert isinstance(metric, monai.metrics.CumulativeIterationMetric)
    cases = []
    for seed in range(2):
        probs, labels = batch(seed)
        metric(y_pred=probs, y=labels)
        cases += bins_of(probs, labels, kind)
    pooled = getattr(functools.reduce(CalibrationBins.merge, cases), error)()
    assert metric.aggregate().item() == pytest.approx(pooled, abs=1e-12)
    each = [getattr(bins, error)() for bins in cases]
    assert metric.aggregate(over="cases").item() == pytest.approx(np.mean(each), abs=1e-12)
    assert len(metric) == 6
    metric.reset()
    assert math.isnan(metric.aggregate().item())


def test_lists_of_images_of_different_size_and_one_hot_labels():
    metric = CalibrationBinsMetric()
    images = [batch(0, n=1), batch(1, n=1, grid=(3, 4, 9))]
    metric(
        y_pred=[probs[0] for probs, _ in images],
        y=[torch.nn.functional.one_hot(y[0, 0], 3).movedim(-1, 0).float() for _, y in images],
    )
    cases = [bins_of(probs, y, "top_label")[0] for probs, y in images]
    assert metric.aggregate().item() == pytest.approx(functools.reduce(CalibrationBins.merge, cases).ece())


def test_agrees_with_monai_where_single_precision_counts_right():
    probs, labels = batch(n=1, n_classes=2)
    ours = CalibrationBinsMetric(kind="class_wise", n_bins=20)
    theirs = monai.metrics.CalibrationErrorMetric(num_bins=20, right=True)
    ours(y_pred=probs, y=labels)
    theirs(y_pred=probs, y=torch.cat([1 - labels, labels], 1).float())
    assert ours.aggregate().item() == pytest.approx(theirs.aggregate().item(), abs=1e-6)


@pytest.mark.parametrize(("error", "join"), [("ece", np.mean), ("mce", np.max)])
def test_without_background(error, join):
    probs, labels = batch(n=1)
    metric = CalibrationBinsMetric(kind="class_wise", error=error, include_background=False)
    metric(y_pred=probs, y=labels)
    (bins,) = bins_of(probs, labels, "class_wise")
    assert metric.aggregate().item() == pytest.approx(join([getattr(bins, error)(k) for k in (1, 2)]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CalibrationBinsMetric(error="ace"), "error must be one of"),
        (lambda: CalibrationBinsMetric(over="voxels"), "over must be one of"),
        (lambda: CalibrationBinsMetric(include_background=False), "needs kind='class_wise'"),
        (lambda: CalibrationBinsMetric(n_bins=0), "n_bins must be an integer >= 1"),
        (lambda: CalibrationBinsMetric()(y_pred=torch.ones(1, 2, 4) / 2), "y must be the labels"),
        (
            lambda: CalibrationBinsMetric()(y_pred=torch.ones(1, 2, 4) / 2, y=torch.ones(1, 1, 5)),
            r"batch and grid of y_pred \(B, C, \*S\), \(1, 2, 4\), got \(1, 1, 5\)",
        ),
        (
            lambda: CalibrationBinsMetric()(y_pred=torch.ones(1, 2, 4) / 2, y=torch.ones(1, 2, 4)),
            "one-hot with one class a voxel",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
