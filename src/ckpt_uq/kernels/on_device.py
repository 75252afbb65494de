"""The maps as torch operations, for tensors that lie on an accelerator and are to stay there.

The same functions as in :mod:`ckpt_uq.kernels.entropy`. Nothing waits for the device but :func:`range_of`.
Sums run in float64 where the device has it, one class at a time, so that the working memory is a few maps,
whatever the number of classes. Triton's loops do it in one pass, in single precision, where they can
(:mod:`ckpt_uq.kernels.gpu`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ckpt_uq.kernels.gpu.launch import usable
from ckpt_uq.probabilities import ProbRange, dtype_name, max_entropy_bits


def entropy_bits(probs: Tensor, out: Tensor) -> ProbRange:
    """Fill ``out`` (*S) with the entropy in bits of ``probs`` (C, *S), clamped to [0, log2 C]."""
    if usable(probs, out):
        from ckpt_uq.kernels.gpu import maps

        return maps.entropy_bits(probs, out)
    nats = torch.zeros(probs.shape[1:], dtype=wide(probs), device=probs.device)
    for plane in probs:
        nats += torch.special.entr(plane.to(nats.dtype))
    out.copy_((nats / math.log(2)).clamp(0.0, max_entropy_bits(len(probs), dtype_name(out.dtype))))
    return range_of(probs)


def binary_entropy_bits(probs: Tensor, out: Tensor) -> ProbRange:
    """Fill ``out`` (C, *S) with the entropy in bits of (p, 1 - p) for every value p of ``probs`` (C, *S)."""
    if usable(probs, out):
        from ckpt_uq.kernels.gpu import maps

        return maps.binary_entropy_bits(probs, out)
    for plane, target in zip(probs, out, strict=True):
        p = plane.to(wide(probs))
        nats = torch.special.entr(p) + torch.special.entr(1 - p)
        target.copy_((nats / math.log(2)).clamp(0.0, 1.0))
    return range_of(probs)


def largest(probs: Tensor, out: Tensor) -> ProbRange:
    """Fill ``out`` (*S) with the largest of ``probs`` (C, *S), clamped to [0, 1]."""
    if usable(probs, out):
        from ckpt_uq.kernels.gpu import maps

        return maps.largest(probs, out)
    out.copy_(probs.amax(dim=0).clamp(0.0, 1.0))
    return range_of(probs)


def range_of(probs: Tensor) -> ProbRange:
    """The range of the values and of their sums over classes; transfers five numbers from the device."""
    if probs.numel() == 0:
        return ProbRange()
    sums = torch.zeros(probs.shape[1:], dtype=wide(probs), device=probs.device)
    for plane in probs:
        sums += plane
    seen = (probs.amin(), probs.amax(), sums.amin(), sums.amax(), probs.isnan().sum())
    numbers = torch.stack([number.to(sums.dtype) for number in seen])
    return ProbRange(*numbers.tolist())


def wide(probs: Tensor) -> torch.dtype:
    """The widest floating-point dtype that the device has."""
    return torch.float32 if probs.device.type == "mps" else torch.float64
