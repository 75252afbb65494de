"""Uncertainty lesion by lesion: the mean over a case hides a doubtful one among sure ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import find_objects, generate_binary_structure, label

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_spacing
from ckpt_uq.scores._mask import MaskBy, class_mask
from ckpt_uq.scores._uncertainty import UncertaintyMap, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


class Lesion(NamedTuple):
    """One connected component of a class."""

    n_voxels: int
    mm3: float
    """Its volume."""
    mean_bits: float
    """Mean of the uncertainty map over it."""
    max_bits: float
    """Largest value of the map in it."""
    mean_prob: float
    """Mean probability of the class over it."""
    box: tuple[slice, ...]
    """Where it is on the grid."""


def worst_lesion(
    prediction: Prediction,
    class_index: int,
    *,
    min_mm3: float = 0.0,
    spacing: Sequence[float] | None = None,
    diagonal: bool = True,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> float:
    r"""Mean of an uncertainty map over the connected component of a class where it is largest.

    .. math:: \max_{L \in \mathrm{components}(M_k)} \frac{1}{|L|} \sum_{x \in L} u(x)

    Which voxels touch is a matter of the grid, not of mm: on coarse slices, what is one lesion may fall into
    two, and two may meet. Spacing decides only which components are large enough to count.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class k, or region.
    min_mm3 : float
        Smaller components are left out.
    spacing : sequence of float, optional
        Of the voxels in mm, one number an axis of the grid; 1 mm each by default.
    diagonal : bool
        Whether voxels that share an edge or a corner touch (8 neighbours in 2D, 26 in 3D), or only those that
        share a face.
    uncertainty, mask
        As for :func:`~ckpt_uq.scores.foreground.foreground`.

    Returns
    -------
    float
        Bits per voxel; NaN if there is no component large enough.

    Raises
    ------
    ArgumentError
        If there is no such class, map or mask, or `min_mm3` or `spacing` makes no sense.

    See Also
    --------
    lesions : all components and what is known about them.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([1.0, 1.0, 0.0, 0.75, 0.0, 1.0])
    >>> round(worst_lesion(Prediction.from_probs(np.stack([1 - p, p])), class_index=1), 3)
    0.811
    """
    found = lesions(
        prediction,
        class_index,
        min_mm3=min_mm3,
        spacing=spacing,
        diagonal=diagonal,
        uncertainty=uncertainty,
        mask=mask,
    )
    return max((lesion.mean_bits for lesion in found), default=float("nan"))


def lesions(
    prediction: Prediction,
    class_index: int,
    *,
    min_mm3: float = 0.0,
    spacing: Sequence[float] | None = None,
    diagonal: bool = True,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> list[Lesion]:
    """Describe every connected component of a class, largest first; see :func:`worst_lesion`.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> p = np.array([1.0, 0.0, 0.75, 1.0])
    >>> found = lesions(Prediction.from_probs(np.stack([1 - p, p])), class_index=1, spacing=[2.0])
    >>> [(lesion.mm3, lesion.mean_prob) for lesion in found]
    [(4.0, 0.875), (2.0, 1.0)]
    """
    if not min_mm3 >= 0:
        raise ArgumentError(f"min_mm3 must be a volume >= 0, got {min_mm3}")
    bits = uncertainty_map(prediction, class_index, uncertainty)
    probs = on_host(prediction.mean_prob[class_index], "prediction")
    inside = class_mask(prediction, class_index, mask)
    voxel = math.prod(as_spacing(spacing, inside.ndim))
    touching = generate_binary_structure(inside.ndim, inside.ndim if diagonal else 1)
    components, _ = label(inside, touching)
    found = []
    for index, box in enumerate(find_objects(components), start=1):
        here = components[box] == index
        n_voxels = int(here.sum())
        u, p = bits[box][here].astype(np.float64), probs[box][here].astype(np.float64)
        found.append(
            Lesion(n_voxels, n_voxels * voxel, float(u.mean()), float(u.max()), float(p.mean()), box)
        )
    return sorted((one for one in found if one.mm3 >= min_mm3), key=lambda one: -one.n_voxels)
