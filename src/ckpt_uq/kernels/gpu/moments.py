"""Fold one member into the running means: softmax, entropy and update in one pass."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ckpt_uq.kernels.gpu.launch import n_blocks
from ckpt_uq.kernels.gpu.maps import surprise
from ckpt_uq.kernels.gpu.ranges import INFINITY

LOGITS, PROBS, REGIONS = range(3)
KINDS = {"logits": LOGITS, "probs": PROBS, "regions": REGIONS}

_BLOCK, _BLOCK_WITH_SCATTER = 512, 256  # more would not fit a program's registers
_REGIONS = tl.constexpr(REGIONS)
_LOGITS = tl.constexpr(LOGITS)
_PROBS = tl.constexpr(PROBS)
_BITS_PER_NAT = tl.constexpr(1.4426950408889634)


def fold(
    output: Tensor,
    mean_prob: Tensor,
    mean_entropy: Tensor,
    *,
    outputs: str,
    share: float,
    gain: float = 0.0,
    scatter: Tensor | None = None,
    labels: Tensor | None = None,
) -> Tensor:
    """Move means (C, N) and (N,) by ``share`` towards a member's output (C, N), in place.

    Parameters
    ----------
    output : Tensor
        float16, bfloat16 or float32; contiguous, as all others.
    mean_prob, mean_entropy : Tensor
        float32.
    outputs : {'logits', 'probs', 'regions'}
        What the member's numbers are.
    share : float
        Weight of this member among all so far.
    gain : float
        What its squared distance from the old mean counts in ``scatter``.
    scatter : Tensor, optional
        float32, shape (C, N).
    labels : Tensor, optional
        uint8, shape (N,): filled with what the member says.

    Returns
    -------
    Tensor
        One number, still on the device: NaN if anything was not finite, or as a probability negative; else
        for 'probs' the largest distance of a sum from 1, and 0 for others.
    """
    n_classes, n_voxels = output.shape
    block = _BLOCK if scatter is None else _BLOCK_WITH_SCATTER
    n_programs = n_blocks(n_voxels, block)
    faults = torch.empty(n_programs, dtype=torch.float32, device=output.device)
    with torch.cuda.device_of(output):
        _fold[(n_programs,)](
            output,
            mean_prob,
            mean_entropy,
            mean_prob if scatter is None else scatter,
            mean_prob if labels is None else labels,
            faults,
            n_voxels,
            share,
            gain,
            n_classes,
            KINDS[outputs],
            scatter is not None,
            labels is not None,
            block,
        )
    return torch.amax(faults)  # NaN if one is


@triton.jit
def _fold(
    x,
    mean,
    mean_bits,
    scatter,
    labels,
    faults,
    n_voxels,
    share,
    gain,
    n_classes: tl.constexpr,
    kind: tl.constexpr,
    has_scatter: tl.constexpr,
    has_labels: tl.constexpr,
    block: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < n_voxels
    largest = tl.full([block], -INFINITY, tl.float32)
    total = tl.zeros([block], tl.float32)
    slope = tl.zeros([block], tl.float32)
    if kind == _LOGITS:
        here = at
        for _ in range(n_classes):
            largest = tl.maximum(largest, tl.load(x + here, mask=inside, other=0.0).to(tl.float32))
            here += n_voxels
        here = at
        for _ in range(n_classes):
            below = tl.load(x + here, mask=inside, other=0.0).to(tl.float32) - largest
            e = tl.exp(below)
            total += e
            slope += tl.where(e == 0.0, 0.0, e * below)
            here += n_voxels
    bits = tl.zeros([block], tl.float32)
    best = tl.full([block], -INFINITY, tl.float32)
    said = tl.zeros([block], tl.int32)
    sums = tl.zeros([block], tl.float32)
    wrong = tl.zeros([block], tl.int32)
    here = at
    for k in range(n_classes):
        value = tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
        if kind == _LOGITS:
            q = tl.exp(value - largest) / total
        elif kind == _PROBS:
            q = value
            bits += surprise(q)
        else:
            e = tl.exp(-tl.abs(value))
            q = tl.where(value >= 0.0, 1.0, e) / (1.0 + e)
            bits += surprise(q) + surprise(1.0 - q)
        sums += q
        wrong = tl.where((q >= 0.0) & (q < INFINITY), wrong, 1)  # NaN too
        old = tl.load(mean + here, mask=inside, other=0.0)
        away = q - old
        tl.store(mean + here, old + share * away, mask=inside)
        if has_scatter:
            spread = tl.load(scatter + here, mask=inside, other=0.0) + gain * away * away
            tl.store(scatter + here, spread, mask=inside)
        if kind == _REGIONS:
            said = tl.where(q > 0.5, said | (1 << k), said)
        else:
            said = tl.where(q > best, k, said)
            best = tl.maximum(best, q)
        here += n_voxels
    if kind == _LOGITS:
        bits = (tl.log(total) - slope / total) * _BITS_PER_NAT
    old_bits = tl.load(mean_bits + at, mask=inside, other=0.0)
    tl.store(mean_bits + at, old_bits + share * (bits - old_bits), mask=inside)
    if has_labels:
        tl.store(labels + at, said.to(tl.uint8), mask=inside)
    gap = tl.zeros([block], tl.float32)
    if kind == _PROBS:
        gap = tl.abs(sums - 1.0)
    fault = tl.max(tl.where(inside & (wrong == 0), gap, 0.0), 0)
    n_wrong = tl.sum(tl.where(inside, wrong, 0), 0)
    tl.store(faults + tl.program_id(0), tl.where(n_wrong > 0, float("nan"), fault))
