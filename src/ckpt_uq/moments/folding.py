"""Fold members into the moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ckpt_uq.errors import ArgumentError
from ckpt_uq.moments.by_torch import update_by_torch
from ckpt_uq.moments.state import EnsembleMoments, Transform
from ckpt_uq.probabilities import TOLERANCE


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
    >>> from ckpt_uq.moments import init
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
        update_by_torch(m, output, weight, transform)


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
