"""How surprised a model is by the truth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import borrow_bits, is_tensor, on_host
from ckpt_uq.kernels.planes import decoded
from ckpt_uq.probabilities import (
    ProbRange,
    require_classes,
    require_float,
    require_labels,
    require_mask,
    require_unit_interval,
)

FLOOR = 1e-12
"""Probabilities below count as this one, 27.6 nats: softmax in single precision may return 0."""


class NLL(NamedTuple):
    """Sum over voxels; divide the sums of several cases by the sums of their voxels to pool them."""

    nats: float
    n_voxels: int


def nll(probs: Any, labels: Any, *, mask: Any = None) -> float:
    r"""Mean negative log-likelihood of the labels, in nats per voxel.

    .. math:: -\frac{1}{N} \sum_x \ln \max(p_{y(x)}(x), 10^{-12})

    Parameters
    ----------
    probs : array
        Class probabilities, shape (C, \*S).
    labels : array
        Ground truth, integers in [0, C), shape S.
    mask : array, optional
        Boolean, shape S: the voxels to count; labels elsewhere may be anything.

    Returns
    -------
    float
        NaN if the mask is empty.

    Raises
    ------
    ArgumentError
        If shapes or dtypes do not fit, a label is no class, or the probability of one is outside [0, 1].

    Examples
    --------
    >>> round(nll(np.array([[0.25, 1.0], [0.75, 0.0]]), np.array([0, 0])), 3)  # ln(4) / 2
    0.693
    """
    terms = nll_terms(probs, labels, mask=mask)
    return terms.nats / terms.n_voxels if terms.n_voxels else float("nan")


def nll_terms(probs: Any, labels: Any, *, mask: Any = None) -> NLL:
    """Sum and number of voxels of :func:`nll`, for pooling over cases; float64 and int64.

    Examples
    --------
    >>> nll_terms(np.array([[0.5, 1.0], [0.5, 0.0]]), np.array([0, 0]), mask=np.array([False, True]))
    NLL(nats=0.0, n_voxels=1)
    """
    lent, truth = borrow_bits(probs, "probs").data, on_host(labels, "labels")
    p = on_host(lent, "probs") if is_tensor(lent) else lent
    require_float(probs)
    require_labels(truth, p.shape[1:])
    inside = np.ones(truth.shape, np.bool_) if mask is None else on_host(mask, "mask")
    require_mask(inside, p.shape[1:])
    if inside.any():
        require_classes(int(truth[inside].min()), int(truth[inside].max()), len(p))
    nats, n_voxels = 0.0, 0
    for k, plane in enumerate(p):
        values = plane[inside & (truth == k)]
        likelihood = (decoded(values) if values.dtype == np.uint16 else values).astype(np.float64)
        if len(likelihood):
            seen = ProbRange(likelihood.min(), likelihood.max(), 1.0, 1.0, np.isnan(likelihood).sum())
            require_unit_interval(seen)
            nats -= float(np.log(np.maximum(likelihood, FLOOR)).sum())
            n_voxels += len(likelihood)
    return NLL(nats, n_voxels)
