"""Which axis of a grid slices follow each other along."""

from __future__ import annotations

import operator
from typing import SupportsIndex

from ckpt_uq.errors import ArgumentError


def as_slice_axis(slice_axis: SupportsIndex, ndim: int) -> int:
    """Count an axis from the front.

    Parameters
    ----------
    slice_axis : int
        An axis of a 3D grid, from -3 to 2; a grid of fewer dimensions is one slice, along axis 0.
    ndim : int
        Dimensions of the grid.

    Raises
    ------
    ArgumentError
        If `slice_axis` is no integer, or no axis of the grid.

    Examples
    --------
    >>> as_slice_axis(-1, ndim=3), as_slice_axis(-1, ndim=2)
    (2, 0)
    """
    n_axes = ndim if ndim > 2 else 1
    try:
        axis = operator.index(slice_axis)
    except TypeError:
        axis = n_axes
    if not -n_axes <= axis < n_axes:
        raise ArgumentError(
            f"slice_axis must be an integer in [{-n_axes}, {n_axes}), the axis of a {ndim}D grid along which "
            f"slices follow each other, got {slice_axis!r}"
        )
    return axis % n_axes
