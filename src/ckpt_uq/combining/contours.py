"""The contour score of a volume that comes slab by slab."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import ContourTerms, contour_terms

_OVERLAP = 2  # slices: with one the neighbours of the last slice are missing from either side


class SlabContours:
    """Contour terms of several classes, summed over slabs along axis 0, as if of the whole volume.

    Slices along another axis are cut by the slabs. Then each slab is counted together with the two slices
    before it, and what those two count alone is taken away again: every voxel is left once, with all its
    neighbours.

    Parameters
    ----------
    class_indices : sequence of int
        The classes, or regions.
    slice_axis : int
        The axis along which slices follow each other.
    """

    def __init__(self, class_indices: Sequence[int], slice_axis: int) -> None:
        self._slice_axis = slice_axis
        self._parts: dict[int, list[tuple[int, ContourTerms]]] = {k: [] for k in class_indices}
        self._before: npt.NDArray[np.float32] | None = None

    def update(self, prediction: Prediction) -> None:
        """Add the next slab."""
        for sign, part in self._counted(prediction):
            for class_index, parts in self._parts.items():
                parts.append((sign, contour_terms(part, class_index, slice_axis=self._slice_axis)))

    def terms(self, class_index: int) -> ContourTerms:
        """Numerator and denominator of each slice of the whole."""
        parts = self._parts[class_index]
        signs = [sign for sign, _ in parts]
        bits = [terms.entropy_bits for _, terms in parts]
        voxels = [terms.contour_voxels for _, terms in parts]
        settings = parts[0][1].settings
        if self._slice_axis == 0:
            return ContourTerms(np.concatenate(bits), np.concatenate(voxels), settings)
        return ContourTerms(np.tensordot(signs, bits, 1), np.tensordot(signs, voxels, 1), settings)

    def _counted(self, prediction: Prediction) -> list[tuple[int, Prediction]]:
        if self._slice_axis == 0:
            return [(1, prediction)]
        if self._before is None:
            counted, probs = [(1, prediction)], prediction.mean_prob
        else:
            probs = np.concatenate([self._before, prediction.mean_prob], axis=1)
            counted = [(1, _alike(probs, prediction)), (-1, _alike(self._before, prediction))]
        self._before = probs[:, -_OVERLAP:].copy()
        return counted


def _alike(probs: npt.NDArray[np.float32], prediction: Prediction) -> Prediction:
    if prediction.region_order is None:
        return Prediction.from_probs(probs)
    return Prediction.from_probs(probs, outputs="regions", region_order=prediction.region_order)
