"""Counts over voxels as torch operations, for tensors that lie on an accelerator and are to stay there.

The same as :mod:`ckpt_uq.kernels.bins`, :mod:`~ckpt_uq.kernels.confusion` and
:mod:`~ckpt_uq.kernels.contour`; only sums leave the device. Triton's loops do it where they can
(:mod:`ckpt_uq.kernels.gpu`), in one pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ckpt_uq.kernels.bins import BinSums, Sorted
from ckpt_uq.kernels.confusion import Confusion
from ckpt_uq.kernels.gpu.launch import usable
from ckpt_uq.kernels.on_device import range_of, wide
from ckpt_uq.probabilities import ProbRange

SLAB_VOXELS = 1 << 22  # temporaries are made for this many voxels at a time

Array = np.ndarray[Any, Any]


def sort_into_bins(
    probs: Tensor,
    labels: Tensor,
    mask: Tensor | None,
    edges: Array,
    *,
    top_label: bool,
    ignore_label: int | None = None,
) -> Sorted:
    """Sort confidences into bins; see :func:`ckpt_uq.kernels.bins.sort_into_bins`."""
    if ignore_label is not None:
        wanted = labels != ignore_label
        mask = wanted if mask is None else mask & wanted
    given = (probs, labels) if mask is None else (probs, labels, mask)
    if usable(*given):
        from ckpt_uq.kernels.gpu import bins

        if len(edges) - 1 <= bins.BINS_AT_MOST:
            return bins.sort_into_bins(probs, labels, mask, edges, top_label=top_label)
    planes, truth = probs.reshape(len(probs), -1), labels.reshape(-1)
    inside = None if mask is None else mask.reshape(-1)
    n_rows = 1 if top_label else len(probs)
    total, seen = BinSums.empty(n_rows, len(edges) - 1), ProbRange()
    low, high = 2**63 - 1, -(2**63)
    for start in range(0, len(truth), SLAB_VOXELS):
        slab = slice(start, start + SLAB_VOXELS)
        part, targets = planes[:, slab], truth[slab]
        if inside is not None:
            part, targets = part[:, inside[slab]], targets[inside[slab]]
        if not targets.numel():
            continue
        total = total.plus(_sorted(part, targets, edges, top_label))
        seen = ProbRange.over((seen, range_of(part)))
        limits = torch.stack([targets.amin(), targets.amax()]).tolist()
        low, high = min(low, int(limits[0])), max(high, int(limits[1]))
    return Sorted(total, seen, (low, high))


def confusion(prediction: Tensor, labels: Tensor, n_classes: int) -> Confusion:
    """Count the pairs of labels; see :func:`ckpt_uq.kernels.confusion.confusion`."""
    if usable(prediction, labels):
        from ckpt_uq.kernels.gpu import counts

        if n_classes <= counts.CLASSES_AT_MOST:
            return counts.confusion(prediction, labels, n_classes)
    guesses, truths = prediction.reshape(-1), labels.reshape(-1)
    found = torch.zeros(n_classes**2, dtype=torch.int64, device=prediction.device)
    low, high = 0, 0
    for start in range(0, len(truths), SLAB_VOXELS):
        guess, truth = (t[start : start + SLAB_VOXELS].long() for t in (guesses, truths))
        known = (guess >= 0) & (guess < n_classes) & (truth >= 0) & (truth < n_classes)
        found += torch.bincount((truth * n_classes + guess)[known], minlength=n_classes**2)
        limits = torch.stack([guess.amin(), truth.amin(), guess.amax(), truth.amax()]).tolist()
        low, high = min(low, *limits[:2]), max(high, *limits[2:])
    return Confusion(found.reshape(n_classes, n_classes).cpu().numpy(), int(low), int(high))


def contour_sizes(mask: Tensor, element: Array) -> Array:
    """Count contours slice by slice; see :func:`ckpt_uq.kernels.contour.contour_sizes`."""
    if usable(mask):
        from ckpt_uq.kernels.gpu import counts

        return counts.contour_sizes(mask, element)
    near = torch.zeros_like(mask)
    for offset in np.argwhere(element) - np.array(element.shape) // 2:
        spans = [_overlap(int(step), size) for step, size in zip(offset, mask.shape, strict=True)]
        near[tuple(to for to, _ in spans)] |= mask[tuple(come for _, come in spans)]
    sizes: Array = (near & ~mask).sum((1, 2)).cpu().numpy()
    return sizes


def threshold_contours(plane: Tensor, element: Array) -> Array:
    """Count contours of the mask ``plane > 1/2``, shape (Z, Y, X), slice by slice."""
    return contour_sizes(plane > 0.5, element)


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    """Where a voxel moved by a step ends up, and where those come from that stay on the grid."""
    kept = max(size - abs(step), 0)
    to, come = max(step, 0), max(-step, 0)
    return slice(to, to + kept) if kept else slice(0, 0), slice(come, come + kept) if kept else slice(0, 0)


def _sorted(probs: Tensor, labels: Tensor, edges: Array, top_label: bool) -> BinSums:
    if top_label:
        best, winner = probs.max(0)  # the first class on a tie
        rows = [_bins_of(best, labels == winner, edges)]
    else:
        rows = [_bins_of(plane, labels == k, edges) for k, plane in enumerate(probs)]
    return BinSums(*(torch.stack(parts).cpu().numpy() for parts in zip(*rows, strict=True)))


def _bins_of(confidence: Tensor, hit: Tensor, edges: Array) -> tuple[Tensor, Tensor, Tensor]:
    """Counts, hits and sums of confidence of each bin; the order of the sums does not depend on chance."""
    known = confidence >= 0  # not NaN
    values = confidence.to(wide(confidence)).clamp(max=1.0)
    inner = torch.from_numpy(edges[1:-1].copy()).to(values)
    index = torch.searchsorted(inner, values.contiguous())
    counts, hits, sums = [], [], []
    for j in range(len(edges) - 1):
        member = (index == j) & known
        counts.append(member.sum())
        hits.append((member & hit).sum())
        sums.append(torch.where(member, values, 0.0).sum())
    return torch.stack(counts), torch.stack(hits), torch.stack(sums)
