"""How far the surfaces of two masks lie apart, everywhere on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from scipy.ndimage import binary_erosion, find_objects

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_spacing
from ckpt_uq.kernels.distance import distance_to
from ckpt_uq.kernels.surface import cell_codes, element_sizes
from ckpt_uq.probabilities import require_mask

Elements = Literal["surface", "voxels"]

_NEAR_STEPS = 8


class SurfaceDistances(NamedTuple):
    """For each element of the two surfaces its distance in mm to the other surface, and its size; float64."""

    from_prediction: np.ndarray[Any, Any]
    prediction_sizes: np.ndarray[Any, Any]
    from_labels: np.ndarray[Any, Any]
    labels_sizes: np.ndarray[Any, Any]


def surface_distances(
    prediction: Any,
    labels: Any,
    *,
    spacing: Sequence[float] | None = None,
    elements: Elements = "surface",
    limit: float = math.inf,
) -> SurfaceDistances:
    """Distances between the surfaces of two masks, from each to the other.

    Parameters
    ----------
    prediction, labels : array
        Boolean, of one shape in two or three dimensions. Nothing lies beyond the grid, so a mask that reaches
        its border has a surface there.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis; 1 mm each by default.
    elements : {'surface', 'voxels'}
        What is measured from: the pieces of surface in the cells between voxel centres, each as large as it
        is in mm or mm2 [1]_; or the centres of the voxels inside that have a face neighbour outside, all of
        size 1.
    limit : float
        Distances in mm above it are given as infinite, and need not be found.

    Returns
    -------
    SurfaceDistances
        Infinite distances if the other mask is empty; no elements of a mask that is empty itself.

    Raises
    ------
    ArgumentError
        If the masks are none, differ in shape, or have another number of dimensions.

    References
    ----------
    .. [1] S. Nikolov et al. (2021), J Med Internet Res 23(7), arXiv:1809.04430.

    Examples
    --------
    >>> a, b = np.zeros((2, 5, 5), bool)
    >>> a[1:3, 1:3] = b[1:4, 1:3] = True
    >>> surface_distances(a, b, elements="voxels").from_labels
    array([0., 0., 0., 0., 1., 1.])
    """
    guess, truth = on_host(prediction, "prediction"), on_host(labels, "labels")
    require_mask(truth, truth.shape, "labels")
    require_mask(guess, truth.shape, "prediction")
    if truth.ndim not in (2, 3):
        raise ArgumentError(f"labels must have two or three dimensions, got shape {truth.shape}")
    if elements not in get_args(Elements):
        raise ArgumentError(f"elements must be one of {get_args(Elements)}, got {elements!r}")
    steps = as_spacing(spacing, truth.ndim)
    occupied = find_objects((guess | truth).astype(np.uint8))
    box = occupied[0] if occupied else (slice(0, 0),) * truth.ndim
    (here, sizes), (there, other_sizes) = (_surface(mask[box], steps, elements) for mask in (guess, truth))
    return SurfaceDistances(
        _distances(here, there, steps, limit),
        sizes[here],
        _distances(there, here, steps, limit),
        other_sizes[there],
    )


def _distances(
    of: np.ndarray[Any, Any], to: np.ndarray[Any, Any], spacing: tuple[float, ...], limit: float
) -> np.ndarray[Any, Any]:
    """Distances of one surface to another: two that agree lie near each other, which is found much sooner."""
    reach = min(_NEAR_STEPS * max(spacing), limit)
    found: np.ndarray[Any, Any] = distance_to(to, spacing, reach)[of]
    if reach < limit and to.any() and not np.isfinite(found).all():
        found = distance_to(to, spacing, limit)[of]
    return found


def _surface(
    mask: np.ndarray[Any, Any], spacing: tuple[float, ...], elements: Elements
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Where the surface is, and how large it is there."""
    if elements == "voxels":
        return mask & ~binary_erosion(mask), mask.astype(np.float64)
    codes = cell_codes(mask)
    table = element_sizes(spacing)
    return (codes > 0) & (codes < len(table) - 1), table[codes]
