"""What calibration is measured on: probabilities and the truth, on one grid."""

from __future__ import annotations

from typing import Any, NamedTuple

from ckpt_uq.arrays import beside, borrow_bits, on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_float, require_labels, require_mask


class Samples(NamedTuple):
    """Views in one memory, of shapes that fit: NumPy arrays in the host's, tensors in an accelerator's."""

    probs: Any
    labels: Any
    mask: Any


def view_samples(probs: Any, labels: Any, mask: Any, n_classes: int | None, *, stay: bool = False) -> Samples:
    r"""View probabilities (C, \*S), labels S and a mask S, or raise ArgumentError if they do not fit.

    With `stay` they are viewed where the probabilities lie, else in host memory.
    """
    p = borrow_bits(probs, "probs").data
    p = p if stay else on_host(p, "probs")
    truth, inside = beside(labels, "labels", p), None
    require_float(probs)
    if p.ndim == 0 or len(p) != (n_classes or len(p)) or len(p) == 0:
        raise ArgumentError(
            f"probs must have shape (C, *S) with C = {n_classes or '1 or more'}, got {tuple(p.shape)}"
        )
    grid = tuple(p.shape[1:])
    require_labels(truth, grid)
    if mask is not None:
        inside = beside(mask, "mask", p)
        require_mask(inside, grid)
    return Samples(p, truth, inside)
