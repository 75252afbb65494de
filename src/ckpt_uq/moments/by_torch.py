"""The same as the compiled loops, on any device and in any precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.gpu.launch import usable
from ckpt_uq.logits import transformed
from ckpt_uq.moments.state import EnsembleMoments, Outputs, Transform
from ckpt_uq.probabilities import TOLERANCE

_SLAB_VOXELS = 1 << 20  # temporaries are made for this many voxels at a time


def update_by_torch(m: EnsembleMoments, output: Tensor, weight: float, transform: Transform | None) -> None:
    """Fold one member in."""
    share = weight / (m.total_weight + weight)
    given = output.detach().reshape(output.shape[0], -1)
    flat = given if transform is None else _transformed(m, output.detach(), transform).reshape(given.shape)
    spoken = None if m.labels is None else flat.new_empty(flat.shape[1], dtype=torch.uint8)
    in_one_pass = usable(flat, m.mean_prob, m.mean_entropy)
    fault = (_fold_on_device if in_one_pass else _fold_slabs)(m, flat, spoken, share, weight)
    if m.n_members == 0 and m.outputs == "logits" and flat.shape[1]:
        m.softmaxed = _softmaxed(given, m.mean_prob)
    if m.labels is not None and spoken is not None:
        m.labels.append(spoken.reshape(m.mean_entropy.shape))
    m.faults.append(fault)
    m.total_weight += weight
    m.n_members += 1


def _fold_on_device(
    m: EnsembleMoments, flat: Tensor, spoken: Tensor | None, share: float, weight: float
) -> Tensor:
    """Fold a member's output (C, N) in, by a loop of the graphics processor."""
    from ckpt_uq.kernels.gpu import moments as loops  # imports Triton

    return loops.fold(
        flat.contiguous(),
        m.mean_prob.reshape(flat.shape),
        m.mean_entropy.reshape(-1),
        outputs=m.outputs,
        share=share,
        gain=weight * (1 - share),
        scatter=None if m.scatter is None else m.scatter.reshape(flat.shape),
        labels=spoken,
    )


def _fold_slabs(
    m: EnsembleMoments, flat: Tensor, spoken: Tensor | None, share: float, weight: float
) -> Tensor:
    """Fold a member's output (C, N) in, slab by slab, and note what was wrong with it."""
    kept = [
        t.reshape(t.shape[0], -1) for t in (m.mean_prob, m.mean_entropy[None], m.scatter) if t is not None
    ]
    fault = torch.zeros((), dtype=m.mean_prob.dtype, device=m.mean_prob.device)
    for start in range(0, flat.shape[1], _SLAB_VOXELS):
        slab = slice(start, start + _SLAB_VOXELS)
        probs = _probabilities(flat[:, slab].to(m.mean_prob), m.outputs)
        entropy = _entropy(probs, m.outputs)
        _fold(probs, entropy, [t[:, slab] for t in kept], share, weight)
        if spoken is not None:
            spoken[slab] = _spoken(probs, m.outputs)
        fault = torch.maximum(fault, _fault(probs, entropy, m.outputs))
    return fault


def _softmaxed(given: Tensor, beside: Tensor) -> Tensor:
    """Whether every voxel's numbers are distributions, still on the device."""
    so_far = torch.ones((), dtype=torch.bool, device=beside.device)
    for start in range(0, given.shape[1], _SLAB_VOXELS):
        raw = given[:, start : start + _SLAB_VOXELS].to(beside)
        so_far &= (raw.amin() >= 0) & ((raw.sum(0) - 1).abs().amax() < TOLERANCE)
    return so_far


def _transformed(m: EnsembleMoments, logits: Tensor, transform: Transform) -> Tensor:
    if m.outputs == "probs":
        raise ArgumentError(
            "transform maps logits, but with outputs='probs' the members return none; re-calibrate their "
            "mean with Prediction.recalibrated"
        )
    return transformed(transform, logits.to(m.mean_prob))


def _probabilities(values: Tensor, outputs: Outputs) -> Tensor:
    if outputs == "logits":
        return values.softmax(0)
    return values.sigmoid() if outputs == "regions" else values


def _entropy(probs: Tensor, outputs: Outputs) -> Tensor:
    nats = torch.special.entr(probs)  # 0 log 0 = 0; negative probabilities give -inf
    if outputs == "regions":
        nats += torch.special.entr(1 - probs)
    bits: Tensor = nats.sum(0).mul_(1 / math.log(2))
    return bits


def _fold(probs: Tensor, entropy: Tensor, kept: list[Tensor], share: float, weight: float) -> None:
    mean_prob, mean_entropy, *scatter = kept
    if scatter:
        away = probs - mean_prob
        scatter[0].add_(away.square_(), alpha=weight * (1 - share))  # Welford (1962), weighted by West (1979)
    mean_prob.lerp_(probs, share)
    mean_entropy.lerp_(entropy[None], share)


def _fault(probs: Tensor, entropy: Tensor, outputs: Outputs) -> Tensor:
    not_finite = entropy.sum() * 0  # 0, or NaN
    if outputs == "probs":
        return (probs.sum(0) - 1).abs().amax() + not_finite
    return not_finite


def _spoken(probs: Tensor, outputs: Outputs) -> Tensor:
    if outputs != "regions":
        return probs.argmax(0).to(torch.uint8)
    bits = torch.zeros(probs.shape[1], dtype=torch.uint8, device=probs.device)
    for region, prob in enumerate(probs):
        bits |= (prob > 0.5).to(torch.uint8) << region
    return bits
