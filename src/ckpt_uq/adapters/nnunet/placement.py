"""From the grid that the network sees back to the image's own: resample, put back what was cropped, turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[Any]
Resample = Callable[[Any, Sequence[int], Sequence[float], Sequence[float]], Any]
"""nnU-Net's: (C, *S), new S, its spacing, new spacing."""


@dataclass(frozen=True)
class Placement:
    """Where the network's output lies in the image.

    nnU-Net turns the image's axes so that slices come first, crops it to what is not 0, and resamples it.

    Attributes
    ----------
    axes : tuple of int
        For each of the turned axes the image's; nnU-Net's ``transpose_forward``.
    shape : tuple of int
        Of the whole image, turned.
    box : tuple of (int, int)
        What the crop left, start and stop along each of the turned axes.
    spacing, network_spacing : tuple of float
        Of the image and of what the network sees, in mm along the turned axes.
    """

    axes: tuple[int, ...]
    shape: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    spacing: tuple[float, ...]
    network_spacing: tuple[float, ...]

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Shape of what the crop left."""
        return tuple(stop - start for start, stop in self.box)

    def slices(self, start: int, stop: int) -> Placement:
        """Where the output for some slices of the image lies in these slices.

        Examples
        --------
        >>> one = (0.0, 0.0, 0.0)
        >>> some = Placement((0, 1, 2), (9, 3, 4), ((2, 7), (0, 3), (1, 4)), one, one).slices(4, 9)
        >>> some.shape, some.box
        ((5, 3, 4), ((0, 3), (0, 3), (1, 4)))
        """
        first, last = (min(max(end, start), stop) - start for end in self.box[0])
        shape = (stop - start, *self.shape[1:])
        return replace(self, shape=shape, box=((first, last), *self.box[1:]))

    def turned_to(self, axes: tuple[int, ...]) -> tuple[int, ...]:
        """Say in which order to take the turned axes to get those of another placement.

        Examples
        --------
        >>> one = (0.0, 0.0, 0.0)
        >>> Placement((2, 0, 1), (5, 3, 4), ((0, 5), (0, 3), (0, 4)), one, one).turned_to((0, 1, 2))
        (1, 2, 0)
        """
        return tuple(self.axes.index(axis) for axis in axes)


class PlacedLogits:
    """One member's logits, of an image or of some of its slices, handed out slab by slab on the image's grid.

    Parameters
    ----------
    logits : Tensor or array
        Shape (C, *S) on the network's grid, half precision as nnU-Net has them.
    placement : Placement
        Where they lie.
    resample : callable
        nnU-Net's function for probabilities, with its settings.
    axes : tuple of int
        The image's axes in the order that slabs shall have; slabs follow each other along the first.
    per_slice : bool
        Whether slices were predicted alone (2d), so that they can be resampled alone: then nothing of full
        size is made. Else, and where axes must be turned further, one class is resampled after the other.
    regions : bool
        Whether channels are regions, which are absent where nnU-Net has cropped, or classes, the first being
        background and certain there.
    """

    def __init__(
        self,
        logits: Any,
        placement: Placement,
        resample: Resample,
        axes: tuple[int, ...],
        *,
        per_slice: bool,
        regions: bool,
    ) -> None:
        self._logits = logits
        self._resample = resample
        self._placement = placement
        self._order = placement.turned_to(axes)
        self._regions = regions
        self._whole: Array | None = None
        self.n_channels = len(logits)
        if not (per_slice and self._order == (0, 1, 2)):
            self._whole = self._class_by_class()
            self._logits = None
        self.shape = tuple(placement.shape[axis] for axis in self._order)
        self._box = tuple(placement.box[axis] for axis in self._order)

    def slab(self, start: int, stop: int) -> Tensor:
        """Logits of the slices from start to stop, shape (C, stop - start, *plane), single precision."""
        (first, last), rows, columns = self._box
        out = torch.full((self.n_channels, stop - start, *self.shape[1:]), -torch.inf)
        if not self._regions:
            out[0] = 0
        begin, end = max(start, first), min(stop, last)
        if begin < end:
            inside = self._slices(begin - first, end - first)
            out[:, begin - start : end - start, slice(*rows), slice(*columns)] = inside
        return out

    def _slices(self, start: int, stop: int) -> Tensor:
        if self._whole is not None:
            return torch.from_numpy(self._whole[:, start:stop])
        shape = (stop - start, *self._placement.box_shape[1:])
        return torch.as_tensor(self._resampled(self._logits[:, start:stop], shape))

    def _class_by_class(self) -> Array:
        """All logits in the box: only one class at a time is in the double precision of the resampling."""
        shape = self._placement.box_shape
        whole: Array | None = None
        for index in range(self.n_channels):
            one = np.asarray(self._resampled(self._logits[index : index + 1], shape))[0]
            if whole is None:
                whole = np.empty((self.n_channels, *shape), one.dtype)
            whole[index] = one
        assert whole is not None
        return whole.transpose(0, *(axis + 1 for axis in self._order))

    def _resampled(self, logits: Any, shape: Sequence[int]) -> Any:
        return self._resample(logits, shape, self._placement.network_spacing, self._placement.spacing)
