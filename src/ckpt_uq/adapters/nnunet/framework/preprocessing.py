"""nnU-Net's preprocessing of an image to predict, without what it would hold of it twice.

nnU-Net keeps the image as it was read while it works on a copy, resamples all channels at once in double
precision, and resamples a mask too that is of use in training alone. For a scan of 512 x 512 x 300 voxels
that is 2 GB, for an image of 0.3 GB.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.resampling.default_resampling import (
    determine_do_sep_z_and_axis,
    resample_data_or_seg_to_shape,
)
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

Array = npt.NDArray[Any]

_SLAB_VALUES = 1 << 21


def preprocessed(
    files: Sequence[Path], plans: PlansManager, configuration: ConfigurationManager, dataset: dict[str, Any]
) -> tuple[Array, dict[str, Any]]:
    """Read an image and bring it to the network's grid; the numbers are nnU-Net's to the last bit.

    Memory, for C channels of V voxels, of which the network sees N, is 8 C V bytes for the image as it was
    read and its copy, then 4 C (V + N), and 2 V for masks: about 10 bytes a voxel with one channel.
    Resampling adds a slab where nnU-Net resamples every slice alone, as it does where slices are thicker than
    three pixels; elsewhere one channel in double precision, three times. A preprocessor of another package
    does as it likes.

    Parameters
    ----------
    files : sequence of Path
        One a channel.
    plans, configuration, dataset
        Of the trained model.

    Returns
    -------
    array, dict
        Shape (C, *S), and nnU-Net's properties of the image.
    """
    preprocessor = configuration.preprocessor_class(verbose=False)
    names = [str(path) for path in files]
    if _overrides(preprocessor, "run_case") or _overrides(preprocessor, "run_case_npy"):
        data, _, properties = preprocessor.run_case(names, None, plans, configuration, dataset)
        return data, properties
    read = list(plans.image_reader_writer_class().read_images(names))
    # Given away as it is read: nnU-Net makes a copy first, and nobody else shall hold what it copied.
    data, _, properties = preprocessor.run_case_npy(
        read.pop(0), None, read.pop(), plans, _Sparing(configuration.configuration), dataset
    )
    return data, properties


class _Sparing(ConfigurationManager):
    """A configuration that resamples an image in parts, and its mask not at all."""

    @property
    def resampling_fn_data(self) -> Callable[..., Array]:
        resample = super().resampling_fn_data
        return resample if resample.func is not resample_data_or_seg_to_shape else _InParts(resample)

    @property
    def resampling_fn_seg(self) -> Callable[..., Array]:
        return _no_mask


class _InParts:
    """nnU-Net's resampling by default, channel by channel, and slab by slab where slices are alone."""

    def __init__(self, resample: Any) -> None:
        self._resample = resample
        self._settings = inspect.signature(resample).bind_partial()
        self._settings.apply_defaults()

    def __call__(
        self, data: Array, shape: Sequence[int], spacing: Sequence[float], new_spacing: Sequence[float]
    ) -> Array:
        if data.shape[1:] == tuple(shape):
            return data
        out = np.empty((len(data), *shape), data.dtype)
        depth = self._depth(data.shape[1:], shape, spacing, new_spacing)
        for channel in range(len(data)):
            for start in range(0, shape[0], depth):
                here = (slice(channel, channel + 1), slice(start, start + depth))
                part = out[here]
                part[:] = self._resample(data[here], part.shape[1:], spacing, new_spacing)
        return out

    def _depth(
        self, old: Sequence[int], new: Sequence[int], spacing: Sequence[float], new_spacing: Sequence[float]
    ) -> int:
        """Slices that may be resampled together: some, or all."""
        told = self._settings.arguments
        apart, axis = determine_do_sep_z_and_axis(
            told["force_separate_z"], spacing, new_spacing, told["separate_z_anisotropy_threshold"]
        )
        if not (apart and axis == 0 and old[0] == new[0]):
            return int(new[0])
        return max(1, _SLAB_VALUES // int(max(np.prod(old[1:]), np.prod(new[1:]))))


def _no_mask(mask: Array, shape: Sequence[int], *spacings: Sequence[float]) -> Array:
    """Stand in for the resampled mask of what was measured, which only training would read."""
    return np.broadcast_to(np.int8(0), (len(mask), *shape))


def _overrides(preprocessor: Any, method: str) -> bool:
    return getattr(type(preprocessor), method) is not getattr(DefaultPreprocessor, method)
