"""Expected calibration error of every class by itself, in 15 bins, over every voxel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from task import Array, Task, largest_difference

from tasks.calibration import N_BINS, error_of


def ours(case: Case) -> Callable[[], Any]:
    from ckpt_uq.calibration.bins import CalibrationBins

    def run() -> list[float]:
        bins = CalibrationBins(N_BINS, "class_wise")
        bins.update(case.probs, case.labels)
        return [bins.ece(k) for k in range(case.n_classes)]

    return run


def monai(case: Case) -> Callable[[], Any]:
    import torch
    from monai.metrics.calibration import calibration_binning
    from monai.networks.utils import one_hot

    probs, labels = torch.from_numpy(case.probs)[None], torch.from_numpy(case.labels)[None, None]

    def run() -> Any:
        confidence, accuracy, counts = calibration_binning(
            probs, one_hot(labels, case.n_classes, dtype=torch.uint8), num_bins=N_BINS, right=True
        )
        gap = (confidence - accuracy).abs().nan_to_num() * counts
        return gap.sum(-1)[0] / case.n_voxels

    return run


def torchmetrics(case: Case) -> Callable[[], Any]:
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    probs, labels = torch.from_numpy(case.probs), torch.from_numpy(case.labels)

    def run() -> list[float]:
        return [
            float(binary_calibration_error(plane, (labels == k).int(), n_bins=N_BINS))
            for k, plane in enumerate(probs)
        ]

    return run


def numpy(case: Case) -> Callable[[], Any]:
    edges = np.linspace(0, 1, N_BINS + 1)[1:-1].astype(np.float32)

    def error(k: int) -> float:
        p, hit = case.probs[k].ravel(), (case.labels == k).ravel()
        index = np.searchsorted(edges, p)
        gap = np.bincount(index, hit, N_BINS) - np.bincount(index, p, N_BINS)
        return float(np.abs(gap).sum() / p.size)

    return lambda: [error(k) for k in range(case.n_classes)]


def truth(case: Case) -> Array:
    planes = (plane.astype(np.float64) for plane in case.probs)
    return np.array([error_of(plane, case.labels == k) for k, plane in enumerate(planes)])


TASK = Task(
    ours={"ckpt_uq": ours},
    peers={"MONAI": monai, "torchmetrics": torchmetrics, "NumPy": numpy},
    truth=truth,
    difference=largest_difference,
    floor=lambda case: ([case.probs, case.labels], []),
)
