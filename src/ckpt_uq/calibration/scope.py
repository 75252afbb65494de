"""Over which voxels something is measured: most of an image is background that nobody doubts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from scipy.ndimage import binary_dilation, find_objects, generate_binary_structure

from ckpt_uq.arrays import as_tensor, on_host
from ckpt_uq.cycles import integer
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_slice_axis, as_spacing, require_length
from ckpt_uq.kernels.distance import distance_to
from ckpt_uq.probabilities import require_labels

Array = np.ndarray[Any, Any]
Scope = Literal["all", "foreground", "dilated_roi", "boundary"]


def scope_mask(
    labels: Any,
    scope: Scope = "all",
    *,
    pixels: int = 4,
    slice_axis: int = 0,
    width: float = 3.0,
    spacing: Sequence[float] | None = None,
) -> Any:
    """Mask of the voxels in a scope.

    Parameters
    ----------
    labels : array
        Ground truth, integers, shape S; 0 is background.
    scope : {'all', 'foreground', 'dilated_roi', 'boundary'}
        Every voxel; those with a label above 0; these and all within `pixels` steps along the axes of their
        slice; or the band of voxels whose centre is at most `width` mm from that of a voxel with another
        label, on both sides of every boundary between two labels.
    pixels : int
        Steps of the dilation, >= 0; for 'dilated_roi'.
    slice_axis : int
        The axis of a 3D grid along which slices follow each other; a 2D grid is one slice.
    width : float
        Of the band on each side, in mm; for 'boundary'. Slices that lie farther apart do not see each other.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default, so that `width` counts
        voxels.

    Returns
    -------
    array
        Boolean, shape S.

    Raises
    ------
    ArgumentError
        If the scope is unknown, `pixels` or `slice_axis` is no such integer, a dilation is asked for on a
        grid that is neither 2D nor 3D, or `width` or `spacing` is no length.

    Examples
    --------
    >>> scope_mask(np.array([[0, 0, 0, 2, 0]]), "dilated_roi", pixels=1).astype(int)
    array([[0, 0, 1, 1, 1]])
    >>> scope_mask(np.array([0, 0, 0, 1, 1, 1, 2]), "boundary", width=1.0).astype(int)
    array([0, 0, 1, 1, 0, 1, 1])
    """
    if scope not in get_args(Scope):
        raise ArgumentError(f"scope must be one of {get_args(Scope)}, got {scope!r}")
    steps = integer("pixels", pixels, at_least=0)
    truth = on_host(labels, "labels")
    require_labels(truth, truth.shape)
    if scope == "boundary":
        band = _boundary_band(truth, require_length(width, "width"), as_spacing(spacing, truth.ndim))
        return _as_given(band, labels)
    mask = np.ones(truth.shape, np.bool_) if scope == "all" else truth > 0
    if scope == "dilated_roi" and steps > 0:
        mask = binary_dilation(mask, _in_plane_cross(truth.shape, slice_axis), iterations=steps)
    return _as_given(mask, labels)


def _boundary_band(labels: Array, width: float, spacing: tuple[float, ...]) -> Array:
    """Voxels at most so far from one with another label; memory beyond the mask is that of the foreground."""
    band = np.zeros(labels.shape, np.bool_)
    for box in find_objects((labels != 0).astype(np.uint8)):  # beyond it and the width all is background
        reach = [math.ceil(width / step) for step in spacing]
        near = tuple(slice(max(s.start - r, 0), s.stop + r) for s, r in zip(box, reach, strict=True))
        part = labels[near]
        for label in np.unique(part):
            here = part == label
            if not here.all():
                band[near] |= here & (distance_to(~here, spacing, width) <= width)
    return band


def _in_plane_cross(grid: tuple[int, ...], slice_axis: int) -> Array:
    cross: Array = generate_binary_structure(2, 1)
    if len(grid) == 2:
        return cross
    if len(grid) != 3:
        raise ArgumentError(f"labels must have a grid of 2 or 3 dimensions to be dilated on, got {grid}")
    return np.expand_dims(cross, as_slice_axis(slice_axis, len(grid)))


def _as_given(mask: Array, labels: Any) -> Any:
    if isinstance(labels, np.ndarray):
        return mask
    import torch

    return as_tensor(labels, "labels").give_back(torch.from_numpy(mask))
