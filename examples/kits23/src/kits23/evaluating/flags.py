"""Places where the labels may be wrong, found by the model's doubt: the paper's Figs. 4 and 6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, binary_opening, find_objects, generate_binary_structure
from scipy.ndimage import label as components

from kits23.work import CLASSES

Kind = Literal["uncertain_agreement", "gap_in_class", "end_of_class", "beyond_label"]
Labels = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]

MEANING: dict[Kind, str] = {
    "uncertain_agreement": "label and prediction agree, yet the members doubt it, away from any border",
    "gap_in_class": "the label lacks a class here that both neighbouring slices have",
    "end_of_class": "a class of the neighbouring slice ends before this one, and the members doubt it",
    "beyond_label": "the prediction finds a structure that the label has as background",
}

DOUBT_BITS = 0.5
"""Entropy from which a voxel counts as doubted: half of a coin's toss."""

_BORDER_PIXELS = 2
_FEWEST_VOXELS = 8
_MOST_A_CASE = 20


@dataclass(frozen=True)
class Flag:
    """A place to look at.

    Attributes
    ----------
    kind : str
        See :data:`MEANING`.
    class_name : str
        The class that is doubted, lacking, or found.
    slice_index : int
        Where it is largest, along the slices' axis, counted from 0 as the file is stored.
    centre : tuple of int
        A voxel in its middle, along the axes of the NIfTI file.
    n_voxels : int
        Its size.
    doubt_bit_ml : float
        Entropy summed over its volume: what flags are ranked by. A gap counts one bit a voxel at least, since
        anatomy has none.
    mean_entropy_bits : float
        Over its voxels.
    """

    kind: Kind
    class_name: str
    slice_index: int
    centre: tuple[int, int, int]
    n_voxels: int
    doubt_bit_ml: float
    mean_entropy_bits: float


def find_flags(
    segmentation: Labels,
    truth: Labels,
    entropy: npt.NDArray[np.floating],
    *,
    spacing_mm: Sequence[float],
    slice_axis: int,
) -> list[Flag]:
    """Find the places of one case, the most doubtful first, twenty at most.

    Parameters
    ----------
    segmentation, truth : array
        Labels 0 to 3, of one shape (z, y, x).
    entropy : array
        Predictive entropy in bits, the same shape.
    spacing_mm : sequence of float
        One number an axis.
    slice_axis : int
        The axis along which slices follow each other.

    Returns
    -------
    list of Flag

    Examples
    --------
    >>> truth = np.zeros((5, 8, 8), np.uint8)
    >>> truth[[0, 1, 3, 4], 2:6, 2:6] = 2
    >>> flag, *_ = find_flags(truth, truth, np.zeros(truth.shape), spacing_mm=(1, 1, 1), slice_axis=0)
    >>> flag.kind, flag.class_name, flag.slice_index, flag.n_voxels
    ('gap_in_class', 'tumour', 2, 16)
    """
    case = _Case(
        np.moveaxis(segmentation, slice_axis, 0),
        np.moveaxis(truth, slice_axis, 0),
        np.moveaxis(entropy, slice_axis, 0),
        float(np.prod(spacing_mm)) / 1000,
        slice_axis,
    )
    found = [*case.uncertain_agreement(), *case.ends(), *case.beyond_label()]
    return sorted(found, key=lambda flag: -flag.doubt_bit_ml)[:_MOST_A_CASE]


@dataclass(frozen=True)
class _Case:
    """Maps with slices first."""

    segmentation: Labels
    truth: Labels
    entropy: npt.NDArray[np.floating]
    voxel_ml: float
    slice_axis: int

    def uncertain_agreement(self) -> Iterator[Flag]:
        doubted = (self.entropy >= DOUBT_BITS) & (self.segmentation == self.truth)
        doubted &= ~_near_borders(self.truth) & ~_near_borders(self.segmentation)
        for region in _components(doubted):
            values, counts = np.unique(self.truth[region], return_counts=True)
            yield self._flag("uncertain_agreement", int(values[counts.argmax()]), region)

    def ends(self) -> Iterator[Flag]:
        for class_index in range(1, len(CLASSES) + 1):
            has = self.truth == class_index
            areas = has.sum(axis=(1, 2))
            for index in np.flatnonzero(areas == 0).tolist():
                beside = [at for at in (index - 1, index + 1) if 0 <= at < len(areas) and areas[at]]
                if beside:
                    yield from self._end(class_index, index, [has[at] for at in beside])

    def _end(self, class_index: int, index: int, beside: list[Mask]) -> Iterator[Flag]:
        is_gap = len(beside) == 2
        both = np.all(beside, axis=0)
        plane = both if both.any() else np.any(beside, axis=0)
        doubtful = self.entropy[index][plane].mean() >= DOUBT_BITS / 2
        if plane.sum() < _FEWEST_VOXELS or not (is_gap or doubtful):
            return
        voxels = np.argwhere(plane)
        region = (np.full(len(voxels), index), voxels[:, 0], voxels[:, 1])
        yield self._flag("gap_in_class" if is_gap else "end_of_class", class_index, region)

    def beyond_label(self) -> Iterator[Flag]:
        thick = generate_binary_structure(2, 1)[None]  # a rim one or two pixels wide is a matter of taste
        for class_index in range(1, len(CLASSES) + 1):
            beyond = (self.segmentation == class_index) & (self.truth == 0)
            for region in _components(binary_opening(beyond, thick)):
                yield self._flag("beyond_label", class_index, region)

    def _flag(self, kind: Kind, class_index: int, region: tuple[npt.NDArray[np.intp], ...]) -> Flag:
        values = self.entropy[region].astype(np.float64)
        bits = max(float(values.sum()), float(len(values))) if kind == "gap_in_class" else float(values.sum())
        largest = int(np.bincount(region[0]).argmax())
        middle = [largest, *(int(np.median(axis[region[0] == largest])) for axis in region[1:])]
        in_array = np.insert(middle[1:], self.slice_axis, middle[0]).tolist()
        return Flag(
            kind,
            "background" if class_index == 0 else CLASSES[class_index - 1],
            largest,
            (in_array[2], in_array[1], in_array[0]),  # NIfTI's axes are the array's reversed
            len(values),
            bits * self.voxel_ml,
            float(values.mean()),
        )


def _near_borders(labels: Labels) -> Mask:
    """Voxels within a few steps of another label in their slice."""
    border = np.zeros(labels.shape, np.bool_)
    for axis in (1, 2):
        differs = np.diff(labels, axis=axis) != 0
        for side in (slice(None, -1), slice(1, None)):
            where: list[slice] = [slice(None)] * 3
            where[axis] = side
            border[tuple(where)] |= differs
    in_plane = generate_binary_structure(2, 1)[None]
    return np.asarray(binary_dilation(border, in_plane, iterations=_BORDER_PIXELS - 1))


def _components(mask: Mask) -> Iterator[tuple[npt.NDArray[np.intp], ...]]:
    """Connected parts of a mask, as indices; specks are left out."""
    parts, _ = components(mask)
    for index, place in enumerate(find_objects(parts), start=1):
        inside = np.nonzero(parts[place] == index)
        if len(inside[0]) >= _FEWEST_VOXELS:
            yield tuple(axis + part.start for axis, part in zip(inside, place, strict=True))
