"""Whether patches are either right or unsure: accuracy against uncertainty, patch by patch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_mask


class PatchAgreement(NamedTuple):
    """What accuracy and certainty of patches have to do with each other."""

    accurate_if_certain: float
    """Share of the certain patches that are accurate; NaN without certain ones."""
    uncertain_if_inaccurate: float
    """Share of the inaccurate patches that are uncertain; NaN without inaccurate ones."""
    pavpu: float
    """Share of patches that are accurate and certain, or neither."""
    n_patches: int


def pavpu(
    uncertainty: Any,
    errors: Any,
    *,
    threshold: float,
    size: int = 4,
    accuracy: float = 0.5,
) -> PatchAgreement:
    r"""Patch accuracy versus patch uncertainty.

    .. math:: \mathrm{PAvPU} = \frac{n_{ac} + n_{iu}}{n_{ac} + n_{au} + n_{ic} + n_{iu}}

    The grid is cut into patches of `size` voxels a side, without overlap; those cut off at the far borders
    are smaller. A patch is accurate if more than a share `accuracy` of its voxels is right, and uncertain if
    the mean of its uncertainty is at least `threshold`.

    Parameters
    ----------
    uncertainty : array
        Numbers, shape S.
    errors : array
        Boolean, shape S: where the prediction is wrong.
    threshold : float
        Of the mean uncertainty of a patch.
    size : int
        Voxels a side.
    accuracy : float
        In [0, 1).

    Returns
    -------
    PatchAgreement
        Each in [0, 1], higher is better; NaN without patches.

    Raises
    ------
    ArgumentError
        If shapes or dtypes do not fit, an uncertainty is NaN, or an option makes no sense.

    References
    ----------
    .. [1] J. Mukhoti and Y. Gal (2018), arXiv:1811.12709.

    Examples
    --------
    >>> u, wrong = np.array([0.0, 0.2, 0.9, 0.7, 0.0, 0.0]), np.array([0, 0, 1, 1, 1, 1], bool)
    >>> round(pavpu(u, wrong, threshold=0.5, size=2).pavpu, 3)  # right, unsure, and wrong but sure
    0.667
    """
    values, wrong = on_host(uncertainty, "uncertainty"), on_host(errors, "errors")
    require_mask(wrong, values.shape, "errors")
    if size < 1:
        raise ArgumentError(f"size must be >= 1 voxels, got {size}")
    if not 0 <= accuracy < 1:
        raise ArgumentError(f"accuracy must lie in [0, 1), got {accuracy}; half of the voxels is 0.5")
    if np.isnan(values).any():
        raise ArgumentError(f"uncertainty must be numbers, got {np.isnan(values).sum()} NaN")
    n = _patch_sizes(values.shape, size)
    accurate = _patch_sums(~wrong, size) > accuracy * n
    uncertain = _patch_sums(values, size) >= threshold * n
    return PatchAgreement(
        _share(accurate, ~uncertain), _share(uncertain, ~accurate), _share(accurate != uncertain), n.size
    )


def _patch_sizes(grid: tuple[int, ...], size: int) -> np.ndarray[Any, Any]:
    """Voxels of every patch."""
    sides = [np.minimum(size, length - np.arange(0, length, size)) for length in grid]
    return np.asarray(math.prod(np.ix_(*sides)))


def _patch_sums(values: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Sum of every patch, float64."""
    for axis, length in enumerate(values.shape):
        starts = np.arange(0, length, size)
        values = np.add.reduceat(values, starts, axis=axis, dtype=np.float64) if length else values
    return values


def _share(flags: np.ndarray[Any, Any], of: np.ndarray[Any, Any] | None = None) -> float:
    kept = flags if of is None else flags[of]
    return float(kept.mean()) if kept.size else float("nan")
