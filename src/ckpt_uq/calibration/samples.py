"""What calibration is measured on: probabilities and the truth, on one grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_float, require_labels, require_mask

Array = np.ndarray[Any, Any]


class Samples(NamedTuple):
    """Views in host memory, of shapes that fit."""

    probs: Array
    labels: Array
    mask: Array | None


def view_samples(probs: Any, labels: Any, mask: Any, n_classes: int | None) -> Samples:
    r"""View probabilities (C, \*S), labels S and a mask S, or raise ArgumentError if they do not fit."""
    p, truth, inside = on_host(probs, "probs"), on_host(labels, "labels"), None
    require_float(probs)
    if p.ndim == 0 or len(p) != (n_classes or len(p)) or len(p) == 0:
        raise ArgumentError(
            f"probs must have shape (C, *S) with C = {n_classes or '1 or more'}, got {p.shape}"
        )
    require_labels(truth, p.shape[1:])
    if mask is not None:
        inside = on_host(mask, "mask")
        require_mask(inside, p.shape[1:])
    return Samples(p, truth, inside)
