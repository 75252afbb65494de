"""Nested contours: at which lambda each voxel enters the outer one, or leaves the inner one.

A map of lambdas, on the image's grid, describes all the contours of a family at once. The outer contour is
``entry <= lam``, the inner one ``depth > lam``; the larger lambda, the more cautious are both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_spacing
from ckpt_uq.kernels.distance import distance_to
from ckpt_uq.probabilities import ProbRange, require_float, require_mask, require_unit_interval

Array = np.ndarray[Any, Any]


def outer_threshold(prob: Any) -> Array:
    """Entry into {probability >= 1 - lambda}: all voxels whose probability of the class is not too small.

    Parameters
    ----------
    prob : array
        Probability of one class or region, shape S.

    Returns
    -------
    numpy.ndarray
        float64, shape S, in [0, 1].

    Examples
    --------
    >>> entry = outer_threshold(np.array([0.9, 0.4, 0.01]))
    >>> entry <= 0.75  # the outer contour at lambda = 0.75
    array([ True,  True, False])
    """
    return 1.0 - _probability(prob)


def inner_threshold(prob: Any) -> Array:
    """Depth in {probability > lambda}: all voxels whose probability of the class is large.

    Parameters
    ----------
    prob : array
        As for :func:`outer_threshold`.

    Examples
    --------
    >>> inner_threshold(np.array([0.9, 0.4, 0.01])) > 0.75
    array([ True, False, False])
    """
    return _probability(prob)


def outer_margin(mask: Any, *, spacing: tuple[float, ...] | None = None) -> Array:
    """Entry into the segmentation, dilated by lambda.

    Parameters
    ----------
    mask : array
        Boolean, shape S: the voxels segmented as the class.
    spacing : tuple of float, optional
        Distance of neighbouring voxels along each axis in mm; lambda then is in mm, else in voxels.

    Returns
    -------
    numpy.ndarray
        float64, shape S: Euclidean distance to the mask, 0 inside; infinite everywhere if it is empty, so
        that only lambda = infinity, the whole image, covers what was not found at all.

    Examples
    --------
    >>> outer_margin(np.array([[False, True, False, False]]), spacing=(1.0, 0.5))
    array([[0.5, 0. , 0.5, 1. ]])
    """
    inside = _mask(mask)
    return distance_to(inside, as_spacing(spacing, inside.ndim))


def inner_margin(mask: Any, *, spacing: tuple[float, ...] | None = None) -> Array:
    """Depth in the segmentation, eroded by lambda.

    Parameters
    ----------
    mask, spacing
        As for :func:`outer_margin`.

    Returns
    -------
    numpy.ndarray
        float64, shape S: Euclidean distance to the nearest voxel outside, 0 there; the border of the image is
        no outside.

    Examples
    --------
    >>> inner_margin(np.array([[False, True, True, True, False]]))
    array([[0., 1., 2., 1., 0.]])
    """
    inside = _mask(mask)
    return distance_to(~inside, as_spacing(spacing, inside.ndim))


def thresholds(n: int = 1000) -> Array:
    """Lambdas for the threshold families: from 0 to 1, close together near both ends.

    Examples
    --------
    >>> thresholds(3).round(5)
    array([0. , 0. , 0.5, 1. , 1. ])
    """
    if n < 1:
        raise ArgumentError(f"n must be >= 1, got {n}")
    between = 1 / (1 + np.exp(-np.linspace(-14, 14, n))) if n > 1 else np.array([0.5])
    return np.concatenate([[0.0], between, [1.0]])


def margins(largest: float, n: int = 200) -> Array:
    """Lambdas for the margin families: n + 1 from 0 to the largest in equal steps, then infinity.

    Examples
    --------
    >>> margins(10.0, n=2)
    array([ 0.,  5., 10., inf])
    """
    if n < 1 or not (np.isfinite(largest) and largest > 0):
        raise ArgumentError(f"largest must be positive and finite and n >= 1, got {largest} and {n}")
    return np.concatenate([np.linspace(0.0, largest, n + 1), [np.inf]])


def _probability(prob: Any) -> Array:
    values = on_host(prob, "prob")
    require_float(prob, "prob")
    if values.size:
        seen = ProbRange(float(values.min()), float(values.max()), 1.0, 1.0, float(np.isnan(values).sum()))
        require_unit_interval(seen, "prob")
    capped: Array = np.minimum(values.astype(np.float64), 1.0)
    return capped


def _mask(mask: Any) -> Array:
    inside = on_host(mask, "mask")
    require_mask(inside, inside.shape)
    return inside
