"""All of it at once: entropy map, segmentation, 3D contours, calibration error and Dice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from task import Array, Task, largest_difference

from tasks import calibration, contour, dice, entropy


def ours_out(case: Case) -> Callable[[], Any]:
    return _ours(case, (case.entropy, np.full(case.grid, 255, np.uint8)))


def ours(case: Case) -> Callable[[], Any]:
    return _ours(case, None)


def _ours(case: Case, out: tuple[Array, Array] | None) -> Callable[[], Any]:
    from ckpt_uq.analysis import analyze

    def run() -> tuple[Array, Array]:
        found = analyze(case.probs, case.labels, contour="argmax", ndim=3, out=out)
        return found.entropy, _numbers(found.contour_voxels.sum(1)[1:], found.bins.ece(), found.dice)

    return run


def chain(case: Case) -> Callable[[], Any]:
    """What a user would write: SciPy, scikit-image, torchmetrics, MONAI."""
    parts = [module(case) for module in (entropy.scipy, contour.scikit_image, calibration.torchmetrics)]
    overlap = dice.monai(case)

    def run() -> tuple[Array, Array]:
        case.probs.argmax(0).astype(np.uint8)  # the segmentation that contours and Dice are of
        bits, voxels, error = (part() for part in parts)
        return bits, _numbers(voxels, error, overlap())

    return run


def truth(case: Case) -> tuple[Array, Array]:
    return entropy.truth(case), _numbers(contour.truth(case), calibration.truth(case), dice.truth(case))


def difference(result: Any, expected: Any) -> float:
    """Of the entropy in bits and of everything else, the larger."""
    return max(largest_difference(mine, right) for mine, right in zip(result, expected, strict=True))


def _numbers(voxels: Any, error: Any, overlap: Any) -> Array:
    return np.concatenate([np.asarray(voxels, np.float64), [float(error)], np.asarray(overlap, np.float64)])


CHAIN = "SciPy + scikit-image + torchmetrics + MONAI"

TASK = Task(
    ours={"ckpt_uq.analyze, out=": ours_out, "ckpt_uq.analyze": ours},
    peers={CHAIN: chain},
    truth=truth,
    difference=difference,
    floor=lambda case: ([case.probs, case.labels], [case.entropy, case.segmentation.copy()]),
)
