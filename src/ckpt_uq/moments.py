"""What an ensemble remembers of its members: running means, whose size does not depend on how many there are.

State is data. :func:`init` makes it, :func:`update` folds one member in, :func:`merge` joins two, so that
the same code serves members one by one, in blocks, or spread over processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ckpt_uq.errors import ArgumentError, MemberError
from ckpt_uq.kernels.gpu.launch import usable
from ckpt_uq.probabilities import TOLERANCE

Outputs = Literal["logits", "probs", "regions"]
Transform = Callable[[Tensor], Tensor]

_SLAB_VOXELS = 1 << 20  # temporaries are made for this many voxels at a time


@dataclass(eq=False)
class EnsembleMoments:
    r"""Weighted means over the members seen so far, on a grid S with C classes (or K regions).

    Attributes
    ----------
    mean_prob : Tensor
        Mean probability, shape (C, \*S).
    mean_entropy : Tensor
        Mean of the members' own entropies in bits, shape S; for regions the sum of their binary entropies.
    scatter : Tensor or None
        Weighted sum of squared distances from ``mean_prob``, shape (C, \*S); kept only when asked for.
    labels : list of Tensor or None
        What each member says, uint8 of shape S; kept only when asked for. Its most probable class, the lowest
        on a tie; for regions, bit k is set where region k is more probable than not.
    total_weight : float
        Sum of the members' weights.
    n_members : int
        How many members were folded in.
    faults : list of Tensor
        One number a member, still on its device: NaN if it returned anything not finite, else the largest
        distance of a voxel's class probabilities from summing to one. Read by :func:`verify`.
    outputs : {'logits', 'probs', 'regions'}
        What the members return: softmax logits, class probabilities, or the logits of K independent regions.
    softmaxed : Tensor
        Whether what came in as logits were probabilities already, still on its device. Read by
        :func:`verify`.
    """

    mean_prob: Tensor
    mean_entropy: Tensor
    scatter: Tensor | None = None
    labels: list[Tensor] | None = None
    total_weight: float = 0.0
    n_members: int = 0
    outputs: Outputs = "logits"
    faults: list[Tensor] = field(default_factory=list)
    softmaxed: Tensor = field(default_factory=lambda: torch.tensor(False))


def init(
    n_classes: int,
    grid: Sequence[int],
    *,
    outputs: Outputs = "logits",
    variance: bool = False,
    labels: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> EnsembleMoments:
    """Moments of no members yet.

    Memory is ``(C + 1) * voxels`` numbers of ``dtype`` for any number of members, ``(2 C + 1) * voxels`` with
    ``variance``; with ``labels`` it grows by one byte a voxel and member.

    Examples
    --------
    >>> m = init(n_classes=2, grid=(4, 4))
    >>> update(m, torch.zeros(2, 4, 4))
    >>> m.n_members, m.mean_prob[0, 0, 0].item()
    (1, 0.5)
    """
    _check_classes(n_classes, outputs)
    if labels:
        _check_labels_fit(n_classes, outputs)
    shape = (n_classes, *grid)
    return EnsembleMoments(
        mean_prob=torch.zeros(shape, dtype=dtype, device=device),
        mean_entropy=torch.zeros(shape[1:], dtype=dtype, device=device),
        scatter=torch.zeros(shape, dtype=dtype, device=device) if variance else None,
        labels=[] if labels else None,
        outputs=outputs,
        softmaxed=torch.tensor(False, device=device),
    )


def update(
    m: EnsembleMoments, output: Tensor, *, weight: float = 1.0, transform: Transform | None = None
) -> None:
    r"""Fold one member's output into the moments, in place.

    Probabilities are averaged, never logits (Eq. 3 of the paper). Nothing is read back from the device: what
    a member did wrong is noted in ``m.faults``, for :func:`verify` to read once at the end. Temporaries are
    a few times C numbers for 2**20 voxels, whatever the size of the grid.

    Single precision in host memory goes through compiled loops, everything else through torch; probabilities
    agree to 5e-7, entropies to 2e-6 bits for a few classes and 5e-6 bits for 128.

    Parameters
    ----------
    m : EnsembleMoments
        Changed in place.
    output : Tensor
        Shape (C, \*S), any floating dtype; ``m.outputs`` says what its numbers are.
    weight : float
        Positive weight of this member.
    transform : callable, optional
        Maps the logits, shape (C, \*S), to others before their softmax or sigmoid, such as a temperature.

    Raises
    ------
    ArgumentError
        If the shape, the dtype or the weight makes no sense.
    """
    update_many(m, [output], weights=[weight], transform=transform)


def update_many(
    m: EnsembleMoments,
    outputs: Sequence[Tensor],
    *,
    weights: Sequence[float] | None = None,
    transform: Transform | None = None,
) -> None:
    r"""Fold the outputs of several members into the moments, in place; the same as :func:`update` in turn.

    In single precision in host memory the means are read and written once for all members together.

    Parameters
    ----------
    m : EnsembleMoments
        Changed in place.
    outputs : sequence of Tensor
        One a member, as for :func:`update`.
    weights : sequence of float, optional
        One a member; all 1 by default.
    transform : callable, optional
        As for :func:`update`.

    Raises
    ------
    ArgumentError
        As for :func:`update`, or if there are not as many weights as outputs. Nothing is changed then.

    Examples
    --------
    >>> m = init(n_classes=2, grid=(4, 4))
    >>> update_many(m, [torch.zeros(2, 4, 4), torch.zeros(2, 4, 4)])
    >>> m.n_members, m.mean_entropy[0, 0].item()
    (2, 1.0)
    """
    given = [1.0] * len(outputs) if weights is None else list(weights)
    if len(given) != len(outputs):
        raise ArgumentError(
            f"weights must be one for each of {len(outputs)} outputs, got {len(given)}; leave them out for 1"
        )
    for output, weight in zip(outputs, given, strict=True):
        _check_update(m, output, weight)
    if not outputs:
        return
    if transform is None and _fits_kernel(m, outputs):
        _update_by_kernel(m, outputs, given)
        return
    for output, weight in zip(outputs, given, strict=True):
        _update_by_torch(m, output, weight, transform)


def _fits_kernel(m: EnsembleMoments, outputs: Sequence[Tensor]) -> bool:
    """Whether everything lies in host memory, the means in single precision."""
    kept = [t for t in (m.mean_prob, m.mean_entropy, m.scatter) if t is not None]
    return all(
        t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in kept
    ) and all(t.device.type == "cpu" for t in outputs)


def _update_by_kernel(m: EnsembleMoments, outputs: Sequence[Tensor], weights: Sequence[float]) -> None:
    from ckpt_uq.kernels.moments import Means, Member, fold  # imports numba

    n_classes = len(m.mean_prob)
    planes = m.mean_prob.reshape(n_classes, -1)
    scatter = planes[:, :0] if m.scatter is None else m.scatter.reshape(n_classes, -1)
    means = Means(planes.numpy(), m.mean_entropy.reshape(-1).numpy(), scatter.contiguous().numpy())
    members: list[Member] = []
    spoken, total = [], m.total_weight
    for output, weight in zip(outputs, weights, strict=True):
        share = weight / (total + weight)
        labels = torch.empty(m.mean_entropy.shape if m.labels is not None else (0,), dtype=torch.uint8)
        look = m.n_members == 0 and not members and m.outputs == "logits"
        members.append(Member(_bits(output), share, weight * (1 - share), labels.reshape(-1).numpy(), look))
        spoken.append(labels)
        total += weight
    seen = fold(means, members, m.outputs)
    if m.n_members == 0 and m.outputs == "logits" and planes.shape[1] and seen:
        first = seen[0]
        looks_it = first.lowest_sum > 1 - TOLERANCE and first.highest_sum < 1 + TOLERANCE
        m.softmaxed = torch.tensor(looks_it and not first.negative)
    if m.labels is not None:
        m.labels.extend(spoken)
    m.faults.extend(torch.tensor(member.fault, dtype=m.mean_prob.dtype) for member in seen)
    m.total_weight = total
    m.n_members += len(members)


def _bits(output: Tensor) -> np.ndarray[Any, Any]:
    """View a tensor; what NumPy has no dtype for, as its bits."""
    values = output.detach()
    return (values.view(torch.uint16) if values.dtype == torch.bfloat16 else values).numpy()


def _update_by_torch(m: EnsembleMoments, output: Tensor, weight: float, transform: Transform | None) -> None:
    """The same on any device, in any precision."""
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


def merge(a: EnsembleMoments, b: EnsembleMoments) -> EnsembleMoments:
    """Moments of the members of both, as a new object; up to rounding as if updated in turn.

    Examples
    --------
    >>> a, b = init(2, (3,)), init(2, (3,))
    >>> update(a, torch.zeros(2, 3)), update(b, torch.zeros(2, 3), weight=3.0)
    (None, None)
    >>> both = merge(a, b)
    >>> both.n_members, both.total_weight
    (2, 4.0)
    """
    if _layout(a) != _layout(b):
        raise ArgumentError(
            f"moments to merge must agree in (shape, outputs, variance, labels), got {_layout(a)} and "
            f"{_layout(b)}; make them with the same init()"
        )
    total = a.total_weight + b.total_weight
    share = b.total_weight / total if total else 0.0
    scatter = None
    if a.scatter is not None and b.scatter is not None:
        between = (b.mean_prob - a.mean_prob).square_().mul_(a.total_weight * share)
        scatter = between.add_(a.scatter).add_(b.scatter)
    return EnsembleMoments(
        mean_prob=torch.lerp(a.mean_prob, b.mean_prob, share),
        mean_entropy=torch.lerp(a.mean_entropy, b.mean_entropy, share),
        scatter=scatter,
        labels=None if a.labels is None or b.labels is None else a.labels + b.labels,
        total_weight=total,
        n_members=a.n_members + b.n_members,
        outputs=a.outputs,
        faults=a.faults + b.faults,
        softmaxed=a.softmaxed | b.softmaxed,
    )


def verify(m: EnsembleMoments, names: Sequence[str]) -> None:
    """Raise for the first member whose output was no prediction; reads from the device once.

    Parameters
    ----------
    m : EnsembleMoments
        Moments of at least one member.
    names : sequence of str
        The members' names, in the order of the updates.

    Raises
    ------
    MemberError
        Naming the member and what it returned.
    """
    suspicions = [seen.to(m.mean_prob.dtype) for seen in (m.softmaxed, _squashed_twice(m))]
    softmaxed, squashed, *faults = torch.stack([*suspicions, *m.faults]).tolist()
    if squashed:
        raise MemberError(
            f"members {', '.join(names[:3])} returned values between 0 and 1 where outputs='regions' expects "
            "logits; for a model that ends in a sigmoid pass output=torch.logit, or it would be taken twice"
        )
    if softmaxed:
        raise MemberError(
            f"member {names[0]} returned probabilities (>= 0 and summing to 1 over the classes) where "
            "outputs='logits' expects logits; pass outputs='probs', or softmax would be taken twice"
        )
    for name, fault in zip(names, faults, strict=True):
        if math.isnan(fault):
            raise MemberError(
                f"member {name} returned values that are no prediction (NaN, infinite or, as probabilities, "
                "negative); check its weights and that the input is finite, or leave the member out"
            )
        if fault > TOLERANCE:
            raise MemberError(
                f"member {name} returned probabilities whose sum over the classes is {fault:.3g} away from "
                "1; pass outputs='logits' if they are logits, outputs='regions' if the classes overlap"
            )


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


def _squashed_twice(m: EnsembleMoments) -> Tensor:
    """Whether the means of regions look like sigmoids of probabilities near 0 and 1, still on the device.

    Those lie between 1/2 and 0.731, and fill that. Logits would have to be between 0 and 1 everywhere.
    """
    if m.outputs != "regions" or m.mean_prob.numel() == 0:
        return torch.zeros((), dtype=torch.bool, device=m.mean_prob.device)
    low, high = torch.aminmax(m.mean_prob)
    return (low >= 0.5) & (high < 0.7311) & (high - low > 0.2)


def _probabilities(values: Tensor, outputs: Outputs) -> Tensor:
    if outputs == "logits":
        return values.softmax(0)
    return values.sigmoid() if outputs == "regions" else values


def _transformed(m: EnsembleMoments, logits: Tensor, transform: Transform) -> Tensor:
    if m.outputs == "probs":
        raise ArgumentError(
            "transform maps logits, but with outputs='probs' the members return none; re-calibrate their "
            "mean with Prediction.recalibrated"
        )
    mapped = transform(logits.to(m.mean_prob))
    if mapped.shape != logits.shape:
        raise ArgumentError(
            f"transform must return logits of the shape it got, {tuple(logits.shape)}, got "
            f"{tuple(mapped.shape)}"
        )
    return mapped


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


def _layout(m: EnsembleMoments) -> tuple[tuple[int, ...], Outputs, bool, bool]:
    return tuple(m.mean_prob.shape), m.outputs, m.scatter is not None, m.labels is not None


def _check_classes(n_classes: int, outputs: Outputs) -> None:
    if outputs not in get_args(Outputs):
        raise ArgumentError(f"outputs must be one of {get_args(Outputs)}, got {outputs!r}")
    if n_classes < 2 and outputs != "regions":
        raise ArgumentError(
            f"outputs={outputs!r} needs at least two classes, got {n_classes} channel; pass "
            "outputs='regions' for a model with one logit"
        )


def _check_labels_fit(n_classes: int, outputs: Outputs) -> None:
    most = 8 if outputs == "regions" else 256
    if n_classes > most:
        raise ArgumentError(
            f"labels=True keeps one byte a voxel, which has room for {most} channels with "
            f"outputs={outputs!r}, got {n_classes}; leave labels out"
        )


def _check_update(m: EnsembleMoments, output: Tensor, weight: float) -> None:
    if not (math.isfinite(weight) and weight > 0):
        raise ArgumentError(f"weight must be positive and finite, got {weight}; leave the member out instead")
    if output.shape != m.mean_prob.shape:
        raise ArgumentError(
            f"output must have the shape {tuple(m.mean_prob.shape)} of the moments, got "
            f"{tuple(output.shape)}; the class axis comes first and there is no batch axis"
        )
    if not output.is_floating_point():
        raise ArgumentError(
            f"output must be floating point, got {output.dtype}; pass logits or probabilities, not labels"
        )
