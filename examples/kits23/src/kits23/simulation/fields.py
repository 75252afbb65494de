"""Random fields that are the same however a volume is cut into slabs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ckpt_uq.demo.phantom.blob import Floats

_REACH = 3.0
"""Nodes beyond so many correlation lengths weigh less than 0.01."""


class SmoothField:
    r"""A Gaussian random field of mean 0 and variance 1, everywhere and exactly.

    White noise on a lattice is weighted with a Gaussian, separably, and every weight vector has norm 1. The
    correlation of two points at distance d is about :math:`\exp(-d^2 / 4 s^2)`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the field.
    low_mm, high_mm : sequence of float
        Where it may be asked for, along each axis.
    correlation_mm : float
        The width s of the Gaussian.

    Examples
    --------
    >>> field = SmoothField(np.random.default_rng(0), (0, 0, 0), (9, 40, 40), 5.0)
    >>> axes = [np.arange(0, n, 1.0) for n in (9, 40, 40)]
    >>> whole = field.at(axes)
    >>> bool(np.allclose(whole[3:5], field.at([axes[0][3:5], *axes[1:]]), atol=1e-5))
    True
    """

    def __init__(
        self,
        rng: np.random.Generator,
        low_mm: Sequence[float],
        high_mm: Sequence[float],
        correlation_mm: float,
    ) -> None:
        self._width = correlation_mm
        reach = _REACH * correlation_mm
        self._nodes = [
            np.arange(low - reach, high + reach + correlation_mm, correlation_mm)
            for low, high in zip(low_mm, high_mm, strict=True)
        ]
        self._noise = rng.standard_normal([len(nodes) for nodes in self._nodes], dtype=np.float32)

    def at(self, axes_mm: Sequence[npt.ArrayLike]) -> Floats:
        """Values on the grid that positions along each axis span."""
        values = self._noise
        for axis, (positions, nodes) in enumerate(zip(axes_mm, self._nodes, strict=True)):
            weights = self._weights(np.asarray(positions, np.float64), nodes)
            values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
        return np.asarray(values, np.float32)

    def _weights(self, positions: npt.NDArray[np.float64], nodes: npt.NDArray[np.float64]) -> Floats:
        away = (positions[:, None] - nodes) / self._width
        weights = np.where(np.abs(away) <= _REACH, np.exp(-(away**2) / 2), 0.0)
        return np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True), np.float32)
