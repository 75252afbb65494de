"""One row a slice: uncertainty, contour scores and Dice, as the paper scores slices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ckpt_uq.scores.contour_entropy import ContourTerms
from kits23.work import CLASSES

Row = dict[str, float]


def slice_rows(
    segmentation: npt.NDArray[np.integer],
    truth: npt.NDArray[np.integer],
    entropy: npt.NDArray[np.floating],
    terms: Mapping[str, ContourTerms],
    slice_axis: int,
) -> list[Row]:
    """Rows of all slices of a case, in the order of the file.

    Parameters
    ----------
    segmentation, truth : array
        Labels, of one shape (z, y, x).
    entropy : array
        Bits, the same shape.
    terms : mapping of str to ContourTerms
        By the name of what the contour is of; empty without probabilities.
    slice_axis : int
        The axis along which slices follow each other.

    Examples
    --------
    >>> labels = np.zeros((2, 3, 3), np.uint8)
    >>> labels[0, 1, 1] = 1
    >>> rows = slice_rows(labels, labels, np.full(labels.shape, 0.5), {}, 0)
    >>> rows[0]["dice_kidney"], rows[1]["dice_kidney"], rows[1]["mean_entropy_bits"]
    (1.0, nan, 0.5)
    """
    guess, labels, bits = (np.moveaxis(array, slice_axis, 0) for array in (segmentation, truth, entropy))
    columns: dict[str, npt.NDArray[np.generic]] = {
        "slice": np.arange(len(bits)),
        "mean_entropy_bits": bits.mean(axis=(1, 2), dtype=np.float64),
    }
    for name, of_class in terms.items():
        columns[f"contour_score_{name}"] = of_class.slices
        columns[f"contour_voxels_{name}"] = of_class.contour_voxels
    for label, name in enumerate(CLASSES, start=1):
        ours, theirs = ((array == label).sum(axis=(1, 2)) for array in (guess, labels))
        both = ((guess == label) & (labels == label)).sum(axis=(1, 2))
        columns[f"predicted_voxels_{name}"], columns[f"true_voxels_{name}"] = ours, theirs
        dice = np.full(len(ours), np.nan)
        columns[f"dice_{name}"] = np.divide(2 * both, ours + theirs, out=dice, where=ours + theirs > 0)
    return [
        dict(zip(columns, map(float, values), strict=True))
        for values in zip(*(column.tolist() for column in columns.values()), strict=True)
    ]
