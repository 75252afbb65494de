"""What each lambda of a family costs on one case: all that is kept of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.ndimage import generate_binary_structure, label

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_mask

Array = np.ndarray[Any, Any]


def missed_voxels(entry: Any, truth: Any, lambdas: Any) -> Array:
    r"""Share of the true voxels that the outer contour misses: the false-negative rate.

    .. math:: L(\lambda) = \frac{|\{x \in Y : e(x) > \lambda\}|}{|Y|}

    Parameters
    ----------
    entry : array
        Lambda at which each voxel enters, shape S, as of :mod:`ckpt_uq.conformal.families`.
    truth : array
        Boolean, shape S: the voxels that are of the class.
    lambdas : array
        Rising.

    Returns
    -------
    numpy.ndarray
        float64, one a lambda, in [0, 1]; NaN if the case has no such voxel.

    Raises
    ------
    ArgumentError
        If shapes do not fit or `entry` has NaN.

    Examples
    --------
    >>> entry, truth = np.array([0.1, 0.5, 0.9, 0.2]), np.array([True, True, True, False])
    >>> missed_voxels(entry, truth, [0.0, 0.5, 1.0]).round(2)
    array([1.  , 0.33, 0.  ])
    """
    values, inside, steps = _views(entry, truth, lambdas)
    return _share_above(values[inside], steps)


def missed_lesions(entry: Any, truth: Any, lambdas: Any, *, min_overlap: float = 0.0) -> Array:
    r"""Share of the true lesions that the outer contour misses.

    A lesion is a connected component of the truth, neighbours being those that share a face, edge or corner.

    Parameters
    ----------
    entry, truth, lambdas
        As for :func:`missed_voxels`.
    min_overlap : float
        A lesion is found if the contour holds more than this share of it, in [0, 1); at 0 any voxel will do.

    Returns
    -------
    numpy.ndarray
        float64, one a lambda, in [0, 1]; NaN if the case has no lesion.

    Examples
    --------
    >>> entry = np.array([0.1, 0.9, 0.0, 0.7])
    >>> truth = np.array([True, True, False, True])
    >>> missed_lesions(entry, truth, [0.05, 0.1, 0.7])
    array([1. , 0.5, 0. ])
    >>> missed_lesions(entry, truth, [0.05, 0.1, 0.9], min_overlap=0.5)
    array([1., 1., 0.])
    """
    if not 0 <= min_overlap < 1:
        raise ArgumentError(f"min_overlap must lie in [0, 1), got {min_overlap}")
    values, inside, steps = _views(entry, truth, lambdas)
    lesions, n_lesions = label(inside, generate_binary_structure(inside.ndim, inside.ndim))
    found_at = np.empty(n_lesions)
    owner, entries = lesions[inside], values[inside]
    order = np.lexsort((entries, owner))
    bounds = np.searchsorted(owner[order], np.arange(1, n_lesions + 2))
    for i, (start, stop) in enumerate(pairwise(bounds)):
        needed = int(np.floor(min_overlap * (stop - start)))  # that many and one more
        found_at[i] = entries[order[start + needed]]
    return _share_above(found_at, steps)


def surplus_voxels(depth: Any, truth: Any, lambdas: Any) -> Array:
    r"""Voxels of the inner contour that are not of the class, as a share of those that are.

    .. math:: L(\lambda) = \min \Bigl( 1, \frac{|\{x \notin Y : d(x) > \lambda\}|}{|Y|} \Bigr)

    Parameters
    ----------
    depth : array
        Lambda at which each voxel leaves, shape S.
    truth, lambdas
        As for :func:`missed_voxels`.

    Returns
    -------
    numpy.ndarray
        float64, one a lambda, in [0, 1]; NaN if the case has no voxel of the class.

    Examples
    --------
    >>> depth, truth = np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, False, True, False])
    >>> surplus_voxels(depth, truth, [0.0, 0.5, 0.8])
    array([1. , 0.5, 0. ])
    """
    values, inside, steps = _views(depth, truth, lambdas)
    n_true = int(inside.sum())
    if n_true == 0:
        return np.full(len(steps), np.nan)
    outside = np.sort(values[~inside])
    return np.minimum(1.0, (len(outside) - np.searchsorted(outside, steps, side="right")) / n_true)


def _views(when: Any, truth: Any, lambdas: Any) -> tuple[Array, Array, Array]:
    values, inside, steps = on_host(when, "entry"), on_host(truth, "truth"), np.asarray(lambdas, np.float64)
    require_mask(inside, values.shape, "truth")
    if np.isnan(values).any():
        raise ArgumentError(f"entry must be numbers, got {np.isnan(values).sum()} NaN")
    if steps.ndim != 1 or not (np.diff(steps) > 0).all():
        raise ArgumentError(f"lambdas must be rising numbers, got shape {steps.shape}")
    return values, inside, steps


def _share_above(values: Array, steps: Array) -> Array:
    if len(values) == 0:
        return np.full(len(steps), np.nan)
    return 1.0 - np.searchsorted(np.sort(values), steps, side="right") / len(values)
