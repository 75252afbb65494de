"""Over which voxels something is measured: most of an image is background that nobody doubts."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from scipy.ndimage import binary_dilation, generate_binary_structure

from ckpt_uq.arrays import as_tensor, on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import require_labels

Scope = Literal["all", "foreground", "dilated_roi"]


def scope_mask(labels: Any, scope: Scope = "all", *, pixels: int = 4, slice_axis: int = 0) -> Any:
    """Mask of the voxels in a scope.

    Parameters
    ----------
    labels : array
        Ground truth, integers, shape S; 0 is background.
    scope : {'all', 'foreground', 'dilated_roi'}
        Every voxel; those with a label above 0; or these and all within `pixels` steps along the axes of
        their slice.
    pixels : int
        Steps of the dilation, >= 0.
    slice_axis : int
        The axis of a 3D grid along which slices follow each other; a 2D grid is one slice.

    Returns
    -------
    array
        Boolean, shape S.

    Raises
    ------
    ArgumentError
        If the scope is unknown, or a dilation is asked for on a grid that is neither 2D nor 3D.

    Examples
    --------
    >>> scope_mask(np.array([[0, 0, 0, 2, 0]]), "dilated_roi", pixels=1).astype(int)
    array([[0, 0, 1, 1, 1]])
    """
    if scope not in get_args(Scope):
        raise ArgumentError(f"scope must be one of {get_args(Scope)}, got {scope!r}")
    if pixels < 0:
        raise ArgumentError(f"pixels must be >= 0, got {pixels}")
    truth = on_host(labels, "labels")
    require_labels(truth, truth.shape)
    mask = np.ones(truth.shape, np.bool_) if scope == "all" else truth > 0
    if scope == "dilated_roi" and pixels > 0:
        mask = binary_dilation(mask, _in_plane_cross(truth.shape, slice_axis), iterations=pixels)
    return _as_given(mask, labels)


def _in_plane_cross(grid: tuple[int, ...], slice_axis: int) -> np.ndarray[Any, Any]:
    cross: np.ndarray[Any, Any] = generate_binary_structure(2, 1)
    if len(grid) == 2:
        return cross
    if len(grid) != 3 or not -3 <= slice_axis < 3:
        raise ArgumentError(
            f"labels must have a grid of 2 or 3 dimensions, and slice_axis must be one of them, got {grid} "
            f"and slice_axis={slice_axis}"
        )
    return np.expand_dims(cross, slice_axis)


def _as_given(mask: np.ndarray[Any, Any], labels: Any) -> Any:
    if isinstance(labels, np.ndarray):
        return mask
    import torch

    return as_tensor(labels, "labels").give_back(torch.from_numpy(mask))
