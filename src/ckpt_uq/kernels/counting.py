"""Counts over voxels, where the data lies: on the processor's cores, or on an accelerator."""

from __future__ import annotations

from typing import Any

from ckpt_uq.arrays import is_tensor
from ckpt_uq.kernels import bins, confusion, contour
from ckpt_uq.kernels.bins import Sorted
from ckpt_uq.kernels.confusion import Confusion


def sort_into_bins(probs: Any, labels: Any, mask: Any, edges: Any, **settings: Any) -> Sorted:
    """Sort confidences into bins; see :func:`ckpt_uq.kernels.bins.sort_into_bins`."""
    if is_tensor(probs):
        from ckpt_uq.kernels import on_device_counts  # imports torch

        return on_device_counts.sort_into_bins(probs, labels, mask, edges, **settings)
    return bins.sort_into_bins(probs, labels, mask, edges, **settings)


def count_pairs(prediction: Any, labels: Any, n_classes: int) -> Confusion:
    """Count the pairs of labels; see :func:`ckpt_uq.kernels.confusion.confusion`."""
    if is_tensor(prediction):
        from ckpt_uq.kernels import on_device_counts

        return on_device_counts.confusion(prediction, labels, n_classes)
    return confusion.confusion(prediction, labels, n_classes)


def contour_sizes(mask: Any, element: Any) -> Any:
    """Count contours slice by slice; see :func:`ckpt_uq.kernels.contour.contour_sizes`."""
    if is_tensor(mask):
        from ckpt_uq.kernels import on_device_counts

        return on_device_counts.contour_sizes(mask, element)
    return contour.contour_sizes(mask, element)


def threshold_contours(plane: Any, element: Any) -> Any:
    """Count contours of what exceeds 1/2; see :func:`ckpt_uq.kernels.contour.threshold_contours`."""
    if is_tensor(plane):
        return contour_sizes(plane > 0.5, element)
    return contour.threshold_contours(plane, element)
