"""Sort confidences into bins: every program counts its own voxels, and the counts are added in order."""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from ckpt_uq.kernels.bins import BinSums, Sorted
from ckpt_uq.kernels.gpu.launch import BLOCKS_AT_MOST, n_blocks, new_range, read_range
from ckpt_uq.kernels.gpu.ranges import INFINITY, widen, write_range

BINS_AT_MOST = 32
"""A program compares every confidence with the edges of every bin."""

_TILE = 4096  # confidences times edges that a program compares at a time; more would not fit its registers
_FIRST, _LAST = tl.constexpr(-(2**63)), tl.constexpr(2**63 - 1)


def sort_into_bins(
    probs: Tensor, labels: Tensor, mask: Tensor | None, edges: np.ndarray, *, top_label: bool
) -> Sorted:
    """As :func:`ckpt_uq.kernels.bins.sort_into_bins`, for at most ``BINS_AT_MOST`` bins.

    Parameters
    ----------
    probs : Tensor
        float16, bfloat16 or float32, shape (C, *S), with at least one voxel.
    labels : Tensor
        Integers, shape S.
    mask : Tensor or None
        Boolean, shape S.
    edges : numpy.ndarray
        float64, shape (n_bins + 1,).
    top_label : bool
        One row, of the likeliest class; else a row for every class.
    """
    n_classes, n_bins = len(probs), len(edges) - 1
    planes = probs.reshape(n_classes, -1).contiguous()
    truth = labels.reshape(-1).contiguous()
    inside = truth if mask is None else mask.reshape(-1).contiguous().view(torch.uint8)
    n_voxels = planes.shape[1]
    n_rows, width = (1 if top_label else n_classes), max(16, triton.next_power_of_2(n_bins))
    block = _TILE // width
    n_steps = n_blocks(n_blocks(n_voxels, block), BLOCKS_AT_MOST)
    n_programs = n_blocks(n_voxels, block * n_steps)
    device = planes.device
    on_device = torch.from_numpy(np.ascontiguousarray(edges, np.float64)).to(device)
    counts, hits = torch.empty((2, n_rows, width, n_programs), dtype=torch.int64, device=device)
    sums = torch.empty((n_rows, width, n_programs), dtype=torch.float64, device=device)
    seen, limits = (
        new_range(n_programs, planes),
        torch.empty((2, n_programs), dtype=torch.int64, device=device),
    )
    with torch.cuda.device_of(planes):
        _sort[(n_programs, n_rows)](
            planes,
            truth,
            inside,
            on_device,
            counts,
            hits,
            sums,
            seen,
            limits,
            n_voxels,
            n_steps,
            n_bins,
            n_classes,
            top_label,
            mask is not None,
            width,
            block,
        )
    bins = BinSums(*(part.sum(-1)[:, :n_bins].cpu().numpy() for part in (counts, hits, sums)))
    low, high = torch.stack([limits[0].amin(), limits[1].amax()]).tolist()
    return Sorted(bins, read_range(seen), (low, high))


@triton.jit
def _sort(
    p,
    labels,
    mask,
    edges,
    counts,
    hits,
    sums,
    seen,
    limits,
    n_voxels,
    n_steps,
    n_bins,
    n_classes: tl.constexpr,
    top_label: tl.constexpr,
    masked: tl.constexpr,
    width: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(1)
    j = tl.arange(0, width)
    lower = tl.load(edges + j, mask=j < n_bins, other=INFINITY)
    lower = tl.where(j == 0, -INFINITY, lower)  # the first bin holds 0 too
    upper = tl.load(edges + j + 1, mask=j < n_bins, other=-INFINITY)
    n = tl.zeros([width], tl.int64)
    n_right = tl.zeros([width], tl.int64)
    mass = tl.zeros([width], tl.float64)
    lowest = tl.full([block], INFINITY, tl.float32)
    highest = tl.full([block], -INFINITY, tl.float32)
    low_sum = tl.full([block], INFINITY, tl.float32)
    high_sum = tl.full([block], -INFINITY, tl.float32)
    n_nan = tl.zeros([block], tl.int32)
    low_label = tl.full([block], _LAST, tl.int64)
    high_label = tl.full([block], _FIRST, tl.int64)
    start = tl.program_id(0).to(tl.int64) * n_steps * block
    for step in range(n_steps):
        at = start + step * block + tl.arange(0, block)
        inside = at < n_voxels
        if masked:
            inside = inside & (tl.load(mask + at, mask=inside, other=0) != 0)
        label = tl.load(labels + at, mask=inside, other=0).to(tl.int64)
        low_label = tl.where(inside, tl.minimum(low_label, label), low_label)
        high_label = tl.where(inside, tl.maximum(high_label, label), high_label)
        best = tl.full([block], -1.0, tl.float32)
        winner = tl.zeros([block], tl.int32)
        if row == 0:  # the first row's programs look at every class
            total = tl.zeros([block], tl.float32)
            here = at
            for k in range(n_classes):
                q = tl.load(p + here, mask=inside, other=0.5).to(tl.float32)
                total += q
                lowest, highest, n_nan = widen(lowest, highest, n_nan, q, inside)
                better = q > best
                winner = tl.where(better, k, winner)
                best = tl.where(better, q, best)
                here += n_voxels
            low_sum = tl.where(inside, tl.minimum(low_sum, total), low_sum)
            high_sum = tl.where(inside, tl.maximum(high_sum, total), high_sum)
        if not top_label:
            mine = row.to(tl.int64) * n_voxels + at
            best = tl.load(p + mine, mask=inside, other=0.5).to(tl.float32)
            winner = tl.zeros([block], tl.int32) + row
        confidence = tl.minimum(best, 1.0).to(tl.float64)
        counted = inside & (best >= 0.0)
        member = (confidence[None, :] > lower[:, None]) & (confidence[None, :] <= upper[:, None])
        member = member & counted[None, :]
        right = member & (label == winner)[None, :]
        n += tl.sum(member.to(tl.int32), 1).to(tl.int64)
        n_right += tl.sum(right.to(tl.int32), 1).to(tl.int64)
        mass += tl.sum(tl.where(member, confidence[None, :], 0.0), 1)
    n_programs = tl.num_programs(0)
    cell = (row.to(tl.int64) * width + j) * n_programs + tl.program_id(0)
    tl.store(counts + cell, n)
    tl.store(hits + cell, n_right)
    tl.store(sums + cell, mass)
    if row == 0:
        write_range(seen, lowest, highest, low_sum, high_sum, n_nan)
        tl.store(limits + tl.program_id(0), tl.min(low_label, 0))
        tl.store(limits + n_programs + tl.program_id(0), tl.max(high_label, 0))
