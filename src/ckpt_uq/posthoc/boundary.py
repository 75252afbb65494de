"""A temperature near the predicted boundary and another elsewhere: that is where models are unsure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, max_pool3d

from ckpt_uq.arrays import as_tensor, on_host
from ckpt_uq.cycles import integer
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.grid import as_slice_axis
from ckpt_uq.posthoc.fit import fit_scaling
from ckpt_uq.posthoc.likelihood import Case
from ckpt_uq.posthoc.scaling import LogitScaling


@dataclass(frozen=True)
class BoundaryTemperature:
    r"""Divide logits by one temperature near the boundary that they draw, and by another elsewhere.

    Near is a voxel in whose in-plane window of ``2 * pixels + 1`` voxels a side not all have the same most
    probable class. The segmentation does not change.

    Parameters
    ----------
    near, far : float
        Temperatures.
    pixels : int
        Reach of the window, >= 1.
    slice_axis : int
        The axis of a 3D grid along which slices follow each other; a 2D grid is one slice.

    Examples
    --------
    >>> logits = torch.tensor([[[8.0, 8.0, 8.0, 0.0]], [[0.0, 0.0, 0.0, 8.0]]])
    >>> BoundaryTemperature(near=2.0, far=1.0, pixels=1)(logits)[0]
    tensor([[8., 8., 4., 0.]])
    """

    near: float
    far: float
    pixels: int = 3
    slice_axis: int = 0

    def __post_init__(self) -> None:
        for temperature in (self.near, self.far):
            LogitScaling.of_temperature(temperature)  # or an error that says so
        integer("pixels", self.pixels)  # without a band, one temperature will do
        as_slice_axis(self.slice_axis, ndim=3)

    def __call__(self, logits: Tensor) -> Tensor:
        r"""Map logits of shape (C, \*S), S of 2 or 3 dimensions."""
        near = self.band(logits)
        return torch.where(near, logits / self.near, logits / self.far)

    def band(self, logits: Tensor) -> Tensor:
        """Mask of the voxels that are near, shape S."""
        if logits.ndim not in (3, 4):
            raise ArgumentError(
                f"logits must have shape (C, *S) with a grid of 2 or 3 dimensions, got {tuple(logits.shape)}"
            )
        classes = logits.argmax(0).to(torch.float32)[None]
        reach = [self.pixels] * (logits.ndim - 1)
        if len(reach) == 3:
            reach[self.slice_axis] = 0
        pool = max_pool2d if len(reach) == 2 else max_pool3d
        most = partial(pool, kernel_size=[2 * r + 1 for r in reach], stride=1, padding=reach)
        return (most(classes) != -most(-classes))[0]


def fit_boundary_temperature(
    cases: Iterable[Case], *, pixels: int = 3, slice_axis: int = 0
) -> BoundaryTemperature:
    """Fit both temperatures, each on its own voxels, as :func:`~ckpt_uq.posthoc.fit.fit_scaling` does.

    Parameters
    ----------
    cases : iterable of (logits, labels) or (logits, labels, mask)
        As for :func:`~ckpt_uq.posthoc.fit.fit_scaling`, with logits.
    pixels, slice_axis
        As for :class:`BoundaryTemperature`.

    Raises
    ------
    DataError
        If the voxels of one side do not determine a temperature; far from the boundary all may be right.

    Examples
    --------
    >>> logits = torch.full((2, 4, 8), 4.0)
    >>> logits[0, :, 4:] = logits[1, :, :4] = 0.0
    >>> labels = torch.zeros(4, 8, dtype=torch.int64)
    >>> labels[:, 4:] = 1
    >>> labels[0, 3:5], labels[0, 0] = torch.tensor([1, 0]), 1  # 1 in 4 is wrong near, 1 in 24 far
    >>> local = fit_boundary_temperature([(logits, labels)], pixels=1)
    >>> round(local.near, 2), round(local.far, 2)
    (3.64, 1.28)
    """
    if isinstance(cases, Iterator):
        raise ArgumentError(
            f"cases must be readable several times, got a {type(cases).__name__}; pass a list, or an object "
            "whose __iter__ reads the files anew"
        )
    local = BoundaryTemperature(1.0, 1.0, pixels, slice_axis)
    near, far = (_temperature(_OneSide(cases, local, near=side)) for side in (True, False))
    return replace(local, near=near, far=far)


def _temperature(side: _OneSide) -> float:
    try:
        (temperature,) = fit_scaling(side).transform.temperature
    except DataError as error:
        where = "near the predicted boundary" if side.near else "far from the predicted boundary"
        error.add_note(f"while fitting the temperature of the voxels {where}")
        raise
    return temperature


@dataclass(frozen=True)
class _OneSide:
    """The cases, masked to the voxels near the boundary or far from it."""

    cases: Iterable[Case]
    local: BoundaryTemperature
    near: bool

    def __iter__(self) -> Iterator[Case]:
        for logits, labels, *masks in self.cases:
            band = self.local.band(as_tensor(logits, "logits").data).cpu().numpy()
            side = band if self.near else ~band
            yield logits, labels, np.logical_and(side, on_host(masks[0], "mask")) if masks else side
