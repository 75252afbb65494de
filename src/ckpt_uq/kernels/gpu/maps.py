r"""Entropy and confidence of every voxel.

The logarithm is the processor's own, within 2\ :sup:`-22` of right where it is near 0 and in proportion
elsewhere, so an entropy is within 2\ :sup:`-21` :math:`\max(1, \log_2 C)` bits. Probabilities below the
smallest normal number count as 0.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ckpt_uq.kernels.gpu.launch import BLOCK, n_blocks, new_range, read_range
from ckpt_uq.kernels.gpu.ranges import INFINITY, widen, write_range
from ckpt_uq.probabilities import ProbRange, max_entropy_bits

SMALLEST = tl.constexpr(1.17549435e-38)


def entropy_bits(probs: Tensor, out: Tensor) -> ProbRange:
    """Fill ``out`` (*S) with the entropy in bits of ``probs`` (C, *S), clamped to [0, log2 C]."""
    return _fill(_entropy, probs, out, max_entropy_bits(len(probs), "float32"))


def largest(probs: Tensor, out: Tensor) -> ProbRange:
    """Fill ``out`` (*S) with the largest of ``probs`` (C, *S), clamped to [0, 1]."""
    return _fill(_largest, probs, out, 1.0)


def binary_entropy_bits(probs: Tensor, out: Tensor) -> ProbRange:
    """Fill ``out`` (C, *S) with the entropy in bits of (p, 1 - p) for every value p of ``probs`` (C, *S)."""
    seen = _fill(_binary_entropy, probs.reshape(1, -1), out, 1.0)
    return seen._replace(lowest_sum=1.0, highest_sum=1.0)


def _fill(loop: Any, probs: Tensor, out: Tensor, upper: float) -> ProbRange:
    n_classes = len(probs)
    planes = probs.reshape(n_classes, -1).contiguous()
    target = out if out.is_contiguous() else torch.empty_like(out, memory_format=torch.contiguous_format)
    n_voxels = planes.shape[1]
    seen = new_range(n_blocks(n_voxels), planes)
    with _on(planes):
        loop[(n_blocks(n_voxels),)](planes, target, seen, n_voxels, upper, n_classes, BLOCK)
    if target is not out:
        out.copy_(target)
    return read_range(seen)


def _on(tensor: Tensor) -> Any:
    """The device whose stream a launch goes to."""
    return torch.cuda.device_of(tensor)


@triton.jit
def surprise(q):
    """-q log2 q, and 0 for 0 and for what is no probability."""
    safe = tl.where(q >= SMALLEST, q, 1.0)
    return -safe * tl.log2(safe)


@triton.jit
def _entropy(p, out, seen, n_voxels, upper, n_classes: tl.constexpr, block: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < n_voxels
    bits = tl.zeros([block], tl.float32)
    total = tl.zeros([block], tl.float32)
    lowest = tl.full([block], INFINITY, tl.float32)
    highest = tl.full([block], -INFINITY, tl.float32)
    n_nan = tl.zeros([block], tl.int32)
    here = at
    for _ in range(n_classes):
        q = tl.load(p + here, mask=inside, other=0.0).to(tl.float32)
        total += q
        bits += surprise(q)
        lowest, highest, n_nan = widen(lowest, highest, n_nan, q, inside)
        here += n_voxels
    tl.store(out + at, tl.minimum(tl.maximum(bits, 0.0), upper), mask=inside)
    low_sum, high_sum = tl.where(inside, total, INFINITY), tl.where(inside, total, -INFINITY)
    write_range(seen, lowest, highest, low_sum, high_sum, n_nan)


@triton.jit
def _largest(p, out, seen, n_voxels, upper, n_classes: tl.constexpr, block: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < n_voxels
    total = tl.zeros([block], tl.float32)
    lowest = tl.full([block], INFINITY, tl.float32)
    highest = tl.full([block], -INFINITY, tl.float32)
    n_nan = tl.zeros([block], tl.int32)
    here = at
    for _ in range(n_classes):
        q = tl.load(p + here, mask=inside, other=0.0).to(tl.float32)
        total += q
        lowest, highest, n_nan = widen(lowest, highest, n_nan, q, inside)
        here += n_voxels
    tl.store(out + at, tl.minimum(tl.maximum(highest, 0.0), upper), mask=inside)
    low_sum, high_sum = tl.where(inside, total, INFINITY), tl.where(inside, total, -INFINITY)
    write_range(seen, lowest, highest, low_sum, high_sum, n_nan)


@triton.jit
def _binary_entropy(p, out, seen, n_voxels, upper, n_classes: tl.constexpr, block: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < n_voxels
    q = tl.load(p + at, mask=inside, other=0.0).to(tl.float32)
    bits = surprise(q) + surprise(1.0 - q)
    tl.store(out + at, tl.minimum(tl.maximum(bits, 0.0), upper), mask=inside)
    lowest = tl.full([block], INFINITY, tl.float32)
    highest = tl.full([block], -INFINITY, tl.float32)
    lowest, highest, n_nan = widen(lowest, highest, tl.zeros([block], tl.int32), q, inside)
    write_range(seen, lowest, highest, lowest, highest, n_nan)
