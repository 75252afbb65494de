"""Fit a scaling of logits by maximum likelihood, reading the calibration cases again for every step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.posthoc.likelihood import Case, Inputs, Likelihood, likelihood
from ckpt_uq.posthoc.scaling import LogitScaling

Method = Literal["temperature", "class_wise", "vector"]

LARGEST = 100.0
"""Scales are searched in [1/100, 100] and shifts in [-100, 100]; who ends there has no maximum inside."""

_STEPS, _HALVINGS = 100, 40
_DONE = 1e-13  # of the likelihood, what another step would add
_NO_ERROR = 1e-9  # nats a voxel: one of a billion voxels wrong costs more
_TOWARDS_BOUND, _AT_BOUND = 0.9, 0.99


class ScalingFit(NamedTuple):
    """A transform, and what it did to the likelihood of the cases it was fitted on."""

    transform: LogitScaling
    nll_before: float
    """Nats a voxel."""
    nll_after: float
    n_voxels: int


def fit_scaling(
    cases: Iterable[Case], method: Method = "temperature", *, inputs: Inputs = "logits"
) -> ScalingFit:
    r"""Find the scaling of logits under which the labels are likeliest.

    The negative log-likelihood is convex in scales and shifts, so its minimum is found by Newton's method
    with line search, inside bounds. Cases are read once a step, about ten times in all, and never held:
    memory is that of one case.

    Parameters
    ----------
    cases : iterable of (logits, labels) or (logits, labels, mask)
        Read several times, so a list, or an object whose ``__iter__`` reads the files anew; not a generator.
        Logits (C, \*S); labels, integers, S; mask, boolean, S: the voxels that count. They must be neither
        training nor test cases. Fit a member's temperature on members' logits and pass it as
        ``predict(transform=...)``; fit that of the ensemble with ``inputs='probs'`` on ``mean_prob`` and
        apply it by :meth:`~ckpt_uq.prediction.Prediction.recalibrated`.
    method : {'temperature', 'class_wise', 'vector'}
        One scale for all classes; one a class; or one scale and one shift a class. The last two may change
        the segmentation.
    inputs : {'logits', 'probs'}
        What comes first in a case. Of probabilities the logarithm is taken, not below that of 1e-12.

    Returns
    -------
    ScalingFit

    Raises
    ------
    DataError
        If the cases do not determine the scaling: no voxel, a class without any, logits that do not tell the
        classes apart, or a likelihood that rises without end, as when every voxel is right already.
    ArgumentError
        If `cases` can be read only once, or one of them does not fit.

    References
    ----------
    .. [1] C. Guo et al. (2017), arXiv:1706.04599; M. Kull et al. (2019), arXiv:1910.12656.

    Examples
    --------
    >>> logits = torch.tensor([[4.0, 4.0, 4.0, 4.0], [0.0, 0.0, 0.0, 0.0]])  # 98 % sure, 75 % right
    >>> fit = fit_scaling([(logits, torch.tensor([0, 0, 0, 1]))])
    >>> fit.transform(logits).softmax(0)[:, 0]
    tensor([0.7500, 0.2500])
    """
    if method not in get_args(Method):
        raise ArgumentError(f"method must be one of {get_args(Method)}, got {method!r}")
    if inputs not in get_args(Inputs):
        raise ArgumentError(f"inputs must be one of {get_args(Inputs)}, got {inputs!r}")
    if isinstance(cases, Iterator):
        raise ArgumentError(
            f"cases must be readable several times, got a {type(cases).__name__}; pass a list, or an object "
            "whose __iter__ reads the files anew"
        )
    first = likelihood(cases, 1.0, 0.0, inputs)
    design = _design(method, len(first.voxels_per_class))
    _require_data(first, design, method)
    parameters, last = _minimise(cases, design, first, inputs)
    scale, shift = parameters.chunk(2)
    kept = slice(1) if method == "temperature" else slice(None)
    n = int(first.voxels_per_class.sum())
    transform = LogitScaling(tuple(scale.tolist()[kept]), tuple(shift.tolist()[kept]))
    return ScalingFit(transform, first.nats / n, last.nats / n, n)


def _design(method: Method, n_classes: int) -> Tensor:
    """How the free parameters make the 2C scales and shifts, as columns."""
    every = torch.eye(2 * n_classes, dtype=torch.float64)
    scales = every[:, :n_classes]
    return {"temperature": scales.sum(1, keepdim=True), "class_wise": scales, "vector": every}[method]


def _require_data(first: Likelihood, design: Tensor, method: Method) -> None:
    missing = torch.nonzero(first.voxels_per_class == 0).ravel().tolist()
    if method != "temperature" and missing:
        raise DataError(
            f"every class must be the label of a voxel to get a scale of its own, but {missing} are of none; "
            "calibrate on more cases, or with method='temperature'"
        )
    n = int(first.voxels_per_class.sum())
    if float((design.T @ first.hessian @ design).diag().max()) <= 1e-12 * n:
        raise DataError(
            "the likelihood does not depend on the scale: the logits of a voxel are all the same, or so far "
            "apart that every voxel is certain; check that they are logits"
        )


def _minimise(
    cases: Iterable[Case], design: Tensor, current: Likelihood, inputs: Inputs
) -> tuple[Tensor, Likelihood]:
    n_classes, n = len(design) // 2, int(current.voxels_per_class.sum())
    at = torch.cat([torch.ones(n_classes), torch.zeros(n_classes)]).to(torch.float64)
    for _ in range(_STEPS):
        gradient = design.T @ current.gradient / n
        hessian = design.T @ current.hessian @ design / n
        direction = -torch.linalg.lstsq(hessian, gradient[:, None], driver="gelsd").solution[:, 0]
        slope, move = float(gradient @ direction), design @ direction
        if -slope <= _DONE * current.nats / n:
            return at, current
        step = min(1.0, _TOWARDS_BOUND * _room(at, move))
        for _ in range(_HALVINGS):
            trial = at + step * move
            candidate = likelihood(cases, trial[:n_classes], trial[n_classes:], inputs)
            if candidate.nats / n <= current.nats / n + 1e-4 * step * slope:
                break
            step /= 2
        else:
            return at, current  # no step improves it by more than rounding
        at, current = trial, candidate
        _require_inside(at, current.nats / n)
    raise DataError(f"the likelihood has not settled after {_STEPS} steps; calibrate on more or other cases")


def _room(at: Tensor, move: Tensor) -> float:
    """How many moves lead to the bounds."""
    low, high = _bounds(len(at) // 2)
    room = torch.where(move > 0, (high - at) / move, torch.where(move < 0, (low - at) / move, torch.inf))
    return float(room.min())


def _bounds(n_classes: int) -> tuple[Tensor, Tensor]:
    scales, ones = torch.ones(n_classes, dtype=torch.float64), torch.ones(n_classes, dtype=torch.float64)
    return torch.cat([scales / LARGEST, -LARGEST * ones]), torch.cat([scales * LARGEST, LARGEST * ones])


def _require_inside(at: Tensor, nats: float) -> None:
    scale, shift = at.chunk(2)
    far = max(float(scale.max()), float(shift.abs().max())) > _AT_BOUND * LARGEST
    if far or nats < _NO_ERROR:
        raise DataError(
            "the likelihood rises without end with the scale or shift: (nearly) every voxel is right "
            "already; calibrate on more or harder cases"
        )
    if float(scale.min()) < 1 / (_AT_BOUND * LARGEST):
        raise DataError(
            f"the likelihood is best with a scale of 0: the logits, divided by {LARGEST:.0f}, still say more "
            "than they know; check that labels belong to the logits and classes come in the same order"
        )
