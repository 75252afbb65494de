"""Count pairs of labels, and voxels that a dilation would add."""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from ckpt_uq.kernels.confusion import Confusion
from ckpt_uq.kernels.gpu.launch import BLOCK, BLOCKS_AT_MOST, n_blocks

CLASSES_AT_MOST = 31
"""Pairs of so many classes fit into a program's histogram."""


def confusion(prediction: Tensor, labels: Tensor, n_classes: int) -> Confusion:
    """Count the pairs of two integer tensors of one shape, as :func:`ckpt_uq.kernels.confusion.confusion`."""
    guess, truth = prediction.reshape(-1).contiguous(), labels.reshape(-1).contiguous()
    n_steps = n_blocks(n_blocks(len(guess)), BLOCKS_AT_MOST)
    n_programs = n_blocks(len(guess), BLOCK * n_steps)
    width = max(128, triton.next_power_of_2(n_classes**2 + 1))
    pairs = torch.empty((n_programs, width), dtype=torch.int64, device=guess.device)
    limits = torch.empty((2, n_programs), dtype=torch.int64, device=guess.device)
    with torch.cuda.device_of(guess):
        _pairs[(n_programs,)](guess, truth, pairs, limits, len(guess), n_steps, n_classes, width, BLOCK)
    counts = pairs.sum(0)[: n_classes**2].reshape(n_classes, n_classes).cpu().numpy()
    low, high = torch.stack([limits[0].amin(), limits[1].amax()]).tolist()
    return Confusion(counts, min(low, 0), max(high, 0))


def contour_sizes(mask: Tensor, element: np.ndarray) -> np.ndarray:
    """Count contours slice by slice, as :func:`ckpt_uq.kernels.contour.contour_sizes`."""
    depth, height, width = mask.shape
    voxels = mask.contiguous().view(torch.uint8)
    steps = np.argwhere(element) - np.array(element.shape) // 2
    offsets = torch.from_numpy(steps.astype(np.int32)).contiguous().to(mask.device)
    per_slice = n_blocks(height * width)
    sizes = torch.empty((depth, per_slice), dtype=torch.int32, device=mask.device)
    with torch.cuda.device_of(mask):
        _contour[(depth, per_slice)](voxels, offsets, sizes, depth, height, width, len(steps), BLOCK)
    return sizes.sum(1, dtype=torch.int64).cpu().numpy()


@triton.jit
def _pairs(
    prediction,
    labels,
    pairs,
    limits,
    n_voxels,
    n_steps,
    n_classes: tl.constexpr,
    width: tl.constexpr,
    block: tl.constexpr,
):
    start = tl.program_id(0).to(tl.int64) * n_steps * block
    counted = tl.zeros([width], tl.int64)
    low = tl.zeros([block], tl.int64)
    high = tl.zeros([block], tl.int64)
    for step in range(n_steps):
        at = start + step * block + tl.arange(0, block)
        inside = at < n_voxels
        guess = tl.load(prediction + at, mask=inside, other=0).to(tl.int64)
        truth = tl.load(labels + at, mask=inside, other=0).to(tl.int64)
        low = tl.minimum(low, tl.minimum(guess, truth))
        high = tl.maximum(high, tl.maximum(guess, truth))
        known = inside & (guess >= 0) & (guess < n_classes) & (truth >= 0) & (truth < n_classes)
        pair = tl.where(known, truth * n_classes + guess, n_classes * n_classes)
        counted += tl.histogram(pair.to(tl.int32), width).to(tl.int64)
    tl.store(pairs + tl.program_id(0) * width + tl.arange(0, width), counted)
    tl.store(limits + tl.program_id(0), tl.min(low, 0))
    tl.store(limits + tl.num_programs(0) + tl.program_id(0), tl.max(high, 0))


@triton.jit(do_not_specialize=["depth", "height", "width", "n_offsets"])
def _contour(mask, offsets, sizes, depth, height, width, n_offsets, block: tl.constexpr):
    z = tl.program_id(0)
    at = tl.program_id(1) * block + tl.arange(0, block)
    inside = at < height * width
    y = at // width
    x = at % width
    area = height.to(tl.int64) * width
    mine = tl.load(mask + z * area + at, mask=inside, other=1)
    near = tl.zeros([block], tl.int32)
    for i in range(n_offsets):
        u = z - tl.load(offsets + 3 * i)
        v = y - tl.load(offsets + 3 * i + 1)
        w = x - tl.load(offsets + 3 * i + 2)
        there = inside & (u >= 0) & (u < depth) & (v >= 0) & (v < height) & (w >= 0) & (w < width)
        found = tl.load(mask + u * area + v * width + w, mask=there, other=0)
        near = tl.where(found != 0, 1, near)
    added = tl.where(inside & (mine == 0), near, 0)
    tl.store(sizes + z.to(tl.int64) * tl.num_programs(1) + tl.program_id(1), tl.sum(added, 0))
