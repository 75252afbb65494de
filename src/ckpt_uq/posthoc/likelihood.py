"""Likelihood of scaled logits over cases that come one at a time, and its derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ckpt_uq.arrays import as_tensor, on_host
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.logits import as_logits
from ckpt_uq.probabilities import require_classes, require_labels, require_mask

Inputs = Literal["logits", "probs"]
Case = Sequence[Any]

_BLOCK_VOXELS = 1 << 16


class Likelihood(NamedTuple):
    """Sums over all voxels; the parameters are the scales of the C classes, then their shifts."""

    nats: float
    """Negative log-likelihood."""
    gradient: Tensor
    """float64, shape (2C,)."""
    hessian: Tensor
    """float64, shape (2C, 2C)."""
    voxels_per_class: Tensor
    """How often each class is the label, int64, shape (C,)."""

    def plus(self, other: Likelihood) -> Likelihood:
        """Both together."""
        return Likelihood(
            self.nats + other.nats,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
            self.voxels_per_class + other.voxels_per_class,
        )


def likelihood(
    cases: Iterable[Case], scale: Tensor | float, shift: Tensor | float, inputs: Inputs
) -> Likelihood:
    """Sum over all cases; reads each once and holds one block of it in double precision.

    Parameters
    ----------
    cases : iterable of (logits, labels) or (logits, labels, mask)
        One a case; with ``inputs='probs'`` class probabilities in place of logits.
    scale, shift : Tensor or float
        Of each class, or of all.
    inputs : {'logits', 'probs'}
        What comes first in a case.

    Raises
    ------
    ArgumentError
        If a case does not fit.
    DataError
        If there is no case.
    """
    total: Likelihood | None = None
    for number, case in enumerate(cases):
        for logits, labels in _blocks(case, number, inputs):
            part = _of_block(logits, labels, scale, shift)
            if total is not None and len(part.gradient) != len(total.gradient):
                raise ArgumentError(
                    f"cases must agree in the number of classes, got {len(part.voxels_per_class)} in case "
                    f"{number} after {len(total.voxels_per_class)}"
                )
            total = part if total is None else total.plus(part)
    if total is None:
        raise DataError("cases must hold a voxel to calibrate on, got none; look at the files and the masks")
    return total


def _blocks(case: Case, number: int, inputs: Inputs) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits (C, n) in double precision and labels (n,) of the voxels in the mask."""
    given, labels, mask = (*case, None) if len(case) == 2 else case
    values = as_tensor(given, f"{inputs} of case {number}").data
    if values.ndim < 1 or not values.is_floating_point():
        raise ArgumentError(f"{inputs} of case {number} must be floating point, got {values.dtype}")
    truth = on_host(labels, "labels")
    require_labels(truth, tuple(values.shape[1:]), f"labels of case {number}")
    flat, targets = values.reshape(len(values), -1), truth.reshape(-1)
    kept = np.arange(len(targets))
    if mask is not None:
        inside = on_host(mask, "mask")
        require_mask(inside, truth.shape, f"mask of case {number}")
        kept = np.flatnonzero(inside)
    for start in range(0, len(kept), _BLOCK_VOXELS):
        some = kept[start : start + _BLOCK_VOXELS]
        target = targets[some].astype(np.int64)
        require_classes(int(target.min()), int(target.max()), len(values), f"labels of case {number}")
        block = flat[:, torch.from_numpy(some).to(flat.device)].to(torch.float64)
        yield _finite(block, number, inputs), torch.from_numpy(target).to(flat.device)


def _finite(block: Tensor, number: int, inputs: Inputs) -> Tensor:
    if not bool(block.isfinite().all()):
        raise ArgumentError(f"{inputs} of case {number} must be finite, got NaN or infinite ones")
    if inputs == "logits":
        return block
    if bool((block < 0).any()):
        raise ArgumentError(
            f"probs of case {number} must be >= 0, got {float(block.min()):.6g}; pass inputs='logits' "
            "for logits"
        )
    return as_logits(block, "probs")


def _of_block(z: Tensor, labels: Tensor, scale: Tensor | float, shift: Tensor | float) -> Likelihood:
    a, b = (torch.as_tensor(t, dtype=z.dtype, device=z.device).reshape(-1, 1) for t in (scale, shift))
    log_p = (a * z + b).log_softmax(0)
    voxels, p = torch.arange(z.shape[1], device=z.device), log_p.exp()
    nats = -log_p[labels, voxels].sum()
    residual = p.clone()
    residual[labels, voxels] -= 1
    gradient = torch.cat([(residual * z).sum(1), residual.sum(1)])
    weighted = torch.cat([p * z, p])
    curvature = [[(p * z * z).sum(1).diag(), (p * z).sum(1).diag()], [(p * z).sum(1).diag(), p.sum(1).diag()]]
    hessian = torch.cat([torch.cat(row, dim=1) for row in curvature]) - weighted @ weighted.T
    counts = torch.bincount(labels, minlength=len(z))
    return Likelihood(float(nats), gradient.cpu(), hessian.cpu(), counts.cpu())
