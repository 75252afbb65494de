"""What an ensemble remembers of its members, made empty and joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ckpt_uq.errors import ArgumentError

Outputs = Literal["logits", "probs", "regions"]
Transform = Callable[[Tensor], Tensor]


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
    >>> from ckpt_uq.moments import update
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
        mean_prob=_zeros(shape, dtype, device),
        mean_entropy=_zeros(shape[1:], dtype, device),
        scatter=_zeros(shape, dtype, device) if variance else None,
        labels=[] if labels else None,
        outputs=outputs,
        softmaxed=torch.tensor(False, device=device),
    )


def clear(m: EnsembleMoments) -> None:
    """Forget all members and keep the memory, for the next image of the same grid.

    What was made of these moments before, such as a prediction, changes with them.

    Examples
    --------
    >>> from ckpt_uq.moments import update
    >>> m = init(n_classes=2, grid=(4, 4))
    >>> update(m, torch.zeros(2, 4, 4)), clear(m), update(m, torch.ones(2, 4, 4))
    (None, None, None)
    >>> m.n_members, m.mean_prob[0, 0, 0].item()
    (1, 0.5)
    """
    for kept in (m.mean_prob, m.mean_entropy, m.scatter):
        if kept is not None:
            kept.zero_()
    m.labels = None if m.labels is None else []
    m.total_weight, m.n_members = 0.0, 0
    m.faults, m.softmaxed = [], torch.zeros_like(m.softmaxed)


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str) -> Tensor:
    if dtype == torch.float32 and torch.device(device).type == "cpu":
        # Pages that read as 0 until somebody writes there: torch would write every one before its first use.
        return torch.from_numpy(np.zeros(shape, np.float32))
    return torch.zeros(shape, dtype=dtype, device=device)


def merge(a: EnsembleMoments, b: EnsembleMoments) -> EnsembleMoments:
    """Moments of the members of both, as a new object; up to rounding as if updated in turn.

    Examples
    --------
    >>> from ckpt_uq.moments import update
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
