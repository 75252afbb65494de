"""Dice of every class of a segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from task import Array, Task, largest_difference


def ours(case: Case) -> Callable[[], Any]:
    from ckpt_uq.evaluation.dice import dice_per_class

    return lambda: dice_per_class(case.segmentation, case.labels, case.n_classes)


def monai(case: Case) -> Callable[[], Any]:
    import torch
    from monai.metrics import compute_dice
    from monai.networks.utils import one_hot

    guess, labels = (torch.from_numpy(array)[None, None] for array in (case.segmentation, case.labels))

    def run() -> Any:
        masks = [one_hot(array, case.n_classes, dtype=torch.uint8) for array in (guess, labels)]
        return compute_dice(*masks)[0]

    return run


def torchmetrics(case: Case) -> Callable[[], Any]:
    import torch
    from torchmetrics.functional.segmentation import dice_score

    guess, labels = (torch.from_numpy(array)[None].long() for array in (case.segmentation, case.labels))
    options = {"average": None, "input_format": "index"}
    return lambda: dice_score(guess, labels, num_classes=case.n_classes, **options)[0]


def numpy(case: Case) -> Callable[[], Any]:
    n = case.n_classes

    def run() -> Array:
        pairs = case.labels.ravel() * np.uint8(n) + case.segmentation.ravel()
        counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
        return 2 * np.diag(counts) / (counts.sum(0) + counts.sum(1))

    return run


def scikit_learn(case: Case) -> Callable[[], Any]:
    from sklearn.metrics import f1_score

    return lambda: f1_score(case.labels.ravel(), case.segmentation.ravel(), average=None)


def truth(case: Case) -> Array:
    dice = []
    for k in range(case.n_classes):
        guess, labels = case.segmentation == k, case.labels == k
        both, either = np.count_nonzero(guess & labels), np.count_nonzero(guess) + np.count_nonzero(labels)
        dice.append(2 * both / either)
    return np.array(dice)


TASK = Task(
    ours={"ckpt_uq": ours},
    peers={"MONAI": monai, "torchmetrics": torchmetrics, "NumPy": numpy, "scikit-learn": scikit_learn},
    truth=truth,
    difference=largest_difference,
    floor=lambda case: ([case.segmentation, case.labels], []),
)
