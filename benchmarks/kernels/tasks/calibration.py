"""Expected calibration error of the likeliest class, in 15 bins, over every voxel."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from case import Case
from task import Array, Task, largest_difference

N_BINS = 15


def ours(case: Case) -> Callable[[], Any]:
    from ckpt_uq.calibration.bins import CalibrationBins

    def run() -> float:
        bins = CalibrationBins(N_BINS)
        bins.update(case.probs, case.labels)
        return bins.ece()

    return run


def torchmetrics(case: Case) -> Callable[[], Any]:
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    probs, labels = torch.from_numpy(case.probs)[None], torch.from_numpy(case.labels)[None].long()
    return lambda: multiclass_calibration_error(probs, labels, num_classes=case.n_classes, n_bins=N_BINS)


def torch_uncertainty(case: Case) -> Callable[[], Any]:
    import torch
    from torch_uncertainty.metrics.classification import CalibrationError

    rows = torch.from_numpy(case.probs).reshape(case.n_classes, -1).T
    labels = torch.from_numpy(case.labels).reshape(-1).long()

    def run() -> float:
        metric = CalibrationError(task="multiclass", num_classes=case.n_classes, num_bins=N_BINS)
        metric.update(rows, labels)
        return float(metric.compute())

    return run


def netcal(case: Case) -> Callable[[], Any]:
    import netcal.metrics

    rows, labels = case.probs.reshape(case.n_classes, -1).T, case.labels.reshape(-1)
    return lambda: netcal.metrics.ECE(bins=N_BINS).measure(rows, labels)


def numpy(case: Case) -> Callable[[], Any]:
    def run() -> float:
        confidence, hit = case.probs.max(0).ravel(), (case.probs.argmax(0) == case.labels).ravel()
        edges = np.linspace(0, 1, N_BINS + 1)[1:-1]
        index = np.searchsorted(edges.astype(np.float32), confidence)
        gap = np.bincount(index, hit, N_BINS) - np.bincount(index, confidence, N_BINS)
        return float(np.abs(gap).sum() / confidence.size)

    return run


def truth(case: Case) -> float:
    """Bin by bin, in float64; ties of the likeliest go to the first class."""
    confidence = case.probs.max(0).astype(np.float64)
    return error_of(confidence, case.probs.argmax(0) == case.labels)


def error_of(confidence: Array, hit: Array) -> float:
    """Expected calibration error, one comparison a bin."""
    edges, error = np.arange(N_BINS + 1) / N_BINS, 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high) if low else confidence <= high
        error += abs(np.count_nonzero(hit & inside) - confidence[inside].sum())
    return float(error / confidence.size)


TASK = Task(
    ours={"ckpt_uq": ours},
    peers={
        "torchmetrics": torchmetrics,
        "torch-uncertainty": torch_uncertainty,
        "netcal": netcal,
        "NumPy": numpy,
    },
    truth=truth,
    difference=largest_difference,
    floor=lambda case: ([case.probs, case.labels], []),
)
