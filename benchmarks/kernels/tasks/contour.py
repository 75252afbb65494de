"""Voxels of the 3D contour of every foreground class: dilated by one step, and not the mask itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from task import Array, Task, largest_difference


def ours(case: Case) -> Callable[[], Any]:
    from ckpt_uq.kernels.contour import label_contours

    element, labels = cross(), case.segmentation
    return lambda: label_contours(labels, element, foreground(case)).sum(1)


def scipy(case: Case) -> Callable[[], Any]:
    from scipy.ndimage import binary_dilation

    element, labels = cross(), case.segmentation

    def run() -> list[int]:
        masks = (labels == k for k in foreground(case))
        return [np.count_nonzero(binary_dilation(mask, element) & ~mask) for mask in masks]

    return run


def scikit_image(case: Case) -> Callable[[], Any]:
    from skimage.morphology import dilation

    element, labels = cross(), case.segmentation

    def run() -> list[int]:
        masks = (labels == k for k in foreground(case))
        return [np.count_nonzero(dilation(mask, element) & ~mask) for mask in masks]

    return run


def numpy(case: Case) -> Callable[[], Any]:
    labels = case.segmentation

    def count(mask: Array) -> int:
        near = np.zeros_like(mask)
        for axis in range(mask.ndim):
            here, there = np.moveaxis(mask, axis, 0), np.moveaxis(near, axis, 0)
            there[1:] |= here[:-1]
            there[:-1] |= here[1:]
        return np.count_nonzero(near & ~mask)

    return lambda: [count(labels == k) for k in foreground(case)]


def torch_pooling(case: Case) -> Callable[[], Any]:
    import torch
    from torch.nn.functional import max_pool3d

    labels = torch.from_numpy(case.segmentation)
    steps = [((3, 1, 1), (1, 0, 0)), ((1, 3, 1), (0, 1, 0)), ((1, 1, 3), (0, 0, 1))]

    def count(mask: torch.Tensor) -> int:
        near = torch.zeros_like(mask)
        for size, padding in steps:
            near |= max_pool3d(mask[None, None].float(), size, 1, padding)[0, 0] > 0
        return int((near & ~mask).sum())

    return lambda: [count(labels == k) for k in foreground(case)]


def truth(case: Case) -> list[int]:
    """Every voxel's six neighbours, looked up in a padded volume."""
    padded = np.pad(case.segmentation, 1, constant_values=255)
    inner = tuple(slice(1, -1) for _ in case.grid)
    counts = []
    for k in foreground(case):
        near = np.zeros(case.grid, np.bool_)
        for axis in range(len(case.grid)):
            for step in (-1, 1):
                near |= np.roll(padded, step, axis)[inner] == k
        counts.append(int(np.count_nonzero(near & (case.segmentation != k))))
    return counts


def foreground(case: Case) -> range:
    return range(1, case.n_classes)


def cross() -> Array:
    steps = np.abs(np.indices((3, 3, 3)) - 1).sum(axis=0)
    return steps <= 1


TASK = Task(
    ours={"ckpt_uq": ours},
    peers={
        "scipy.ndimage.binary_dilation": scipy,
        "scikit-image dilation": scikit_image,
        "NumPy, shifted": numpy,
        "torch max_pool3d": torch_pooling,
    },
    truth=truth,
    difference=largest_difference,
    floor=lambda case: ([case.segmentation], []),
)
