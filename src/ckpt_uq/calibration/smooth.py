"""Calibration without bins: the gap between truth and confidence, smoothed as much as it is large."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.fft import dct
from scipy.optimize import brentq

from ckpt_uq.calibration.sketch import Bounded, CalibrationSketch, mean_over_rows
from ckpt_uq.kernels.cells import Cells

NARROWEST = 1e-3
"""The narrowest smoothing; what it finds below counts as the error."""

_FREQUENCIES = math.ceil(math.sqrt(2 * math.log(1e8)) / (math.pi * NARROWEST))
_MESH = 4 * _FREQUENCIES


def smooth_ece(sketch: CalibrationSketch, *, class_index: int | None = None) -> Bounded:
    r"""Smooth expected calibration error.

    The residuals :math:`y_i - p_i` are smoothed over confidence by a Gaussian kernel of width :math:`\sigma`,
    reflected at 0 and 1,

    .. math:: \mathrm{smECE}_\sigma = \int_0^1 \Bigl| \frac1N \sum_i (y_i - p_i) K_\sigma(p_i, t) \Bigr| dt,

    and the error is the :math:`\sigma` that equals it: :math:`\mathrm{smECE}_\sigma = \sigma`. It moves
    continuously with the predictions and has no bins to choose.

    Parameters
    ----------
    sketch : CalibrationSketch
        'top_label', or 'class_wise': the mean over the classes that have a sample.
    class_index : int, optional
        For 'class_wise': the error of this class alone.

    Returns
    -------
    Bounded
        Value in [0, 1]; NaN if nothing was counted. Where the error at the width 0.001 is already less than
        that, it is the value. The bound supposes the worst order in every cell; an order by chance leaves far
        less.

    References
    ----------
    .. [1] J. Błasiok and P. Nakkiran (2023), arXiv:2309.12236.

    Examples
    --------
    >>> sketch = CalibrationSketch()
    >>> sketch.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
    >>> round(smooth_ece(sketch).value, 6)
    0.25
    """
    return mean_over_rows([_of(cells) for cells in sketch.rows(class_index) if cells.counts.sum()])


def _of(cells: Cells) -> Bounded:
    n = int(cells.counts.sum())
    smoothed = _smoother((cells.hits - cells.confidence) / n, cells.confidence / cells.counts)
    size = cells.hits * (1 - cells.lowest) + (cells.counts - cells.hits) * cells.highest
    moved = math.sqrt(2 / math.pi) * float((size * (cells.highest - cells.lowest)).sum()) / n
    narrow = smoothed(NARROWEST)
    if narrow <= NARROWEST:
        return Bounded(narrow, moved / NARROWEST)
    sigma = float(brentq(lambda width: smoothed(width) - width, NARROWEST, 1.0, xtol=1e-12))
    return Bounded(sigma, _shift_of_root(moved, sigma))


def _shift_of_root(moved: float, sigma: float) -> float:
    """How far the root can be if the error at any width is off by ``moved / width`` and falls with it.

    Downwards by the least d with moved / (sigma - d) <= d, if there is one; upwards by no more than that.
    """
    if 4 * moved > sigma**2:
        return max(sigma, moved / sigma)
    return (sigma - math.sqrt(sigma**2 - 4 * moved)) / 2


def _cosine_sums(residuals: Any, places: Any) -> Any:
    r"""Sums over the cells of :math:`r \cos(\pi k x)`, for every frequency k.

    With k = s a + b, the exponentials are products of two short tables, and the sum is one of matrices.
    """
    side = math.ceil(math.sqrt(_FREQUENCIES))
    turn = 1j * np.pi * np.outer(places, np.arange(side))
    sums = (residuals[:, None] * np.exp(side * turn)).T @ np.exp(turn)
    return sums.real.ravel()[:_FREQUENCIES]


def _smoother(residuals: Any, places: Any) -> Callable[[float], float]:
    """The smoothed error as a function of sigma: diffusion between mirrors, in the cosines' terms."""
    order = np.arange(_FREQUENCIES)
    weights = _cosine_sums(residuals, places)

    def smoothed(sigma: float) -> float:
        damped = np.zeros(_MESH)
        damped[:_FREQUENCIES] = weights * np.exp(-0.5 * (order * np.pi * sigma) ** 2)
        return float(np.abs(dct(damped, type=3)).mean())

    return smoothed
