"""One type for a volume, read and written in the format that its name says."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.geometry import Geometry

_FORMATS = {
    ".nii.gz": "nifti",
    ".nii": "nifti",
    ".npy": "numpy_files",
    ".npz": "numpy_files",
    ".zarr": "zarr_store",
    ".png": "png",
}


@dataclass(frozen=True)
class Volume:
    """A scalar volume and where it lies.

    Attributes
    ----------
    data : array
        Shape (z, y, x): slices come first, NIfTI's axes reversed.
    affine : array
        Shape (4, 4): voxel (x, y, z) to mm, as NIfTI has it; identity where a format does not say.
    header : nibabel header, optional
        The file's own, every field; carries units, orientation codes and extensions over to what is written.
    """

    data: npt.NDArray[Any]
    affine: npt.NDArray[np.float64]
    header: Any = None

    @property
    def geometry(self) -> Geometry:
        """The grid that the data are on."""
        return Geometry(self.data.shape, self.affine, self.header)


def read_volume(path: str | Path) -> Volume:
    """Read a volume: .nii, .nii.gz, .npy, .npz, .zarr, .png (one slice) or a folder of .png (slices).

    Raises
    ------
    ArgumentError
        The name is of none of these formats.
    DataError
        The file is missing, damaged, not a scalar volume, or its format's package is not installed.
    """
    volume: Volume = _format_of(path).read_volume(path)
    return volume


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume, whole or not at all, in the format that the suffix says; see :func:`read_volume`.

    NIfTI, npz and zarr keep the affine; npy and PNG hold the numbers alone.

    Raises
    ------
    ArgumentError
        The name is of no known format, or the format cannot hold the data.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(f"{folder}/v.npz", Volume(np.ones((2, 3, 4), np.uint8), np.diag([1.0, 1, 5, 1])))
    ...     volume = read_volume(f"{folder}/v.npz")
    >>> volume.data.shape, volume.affine[2, 2].item()
    ((2, 3, 4), 5.0)
    """
    require_volume(volume.data, ArgumentError, "data")
    _format_of(path).write_volume(path, volume)


def require_volume(data: npt.NDArray[Any], error: type[ArgumentError] | type[DataError], name: str) -> None:
    """Raise unless data are numbers on three axes, none of them empty."""
    if data.ndim != 3:
        raise error(f"{name} must have 3 axes (z, y, x), got shape {data.shape}; split or add axes first")
    if 0 in data.shape:
        raise error(f"{name} must have voxels, got shape {data.shape}")
    if data.dtype.kind not in "biuf":
        raise error(f"{name} must hold integer or real numbers, got dtype {data.dtype}")


def _format_of(path: str | Path) -> ModuleType:
    name = Path(path).name.lower()
    for suffix, module in _FORMATS.items():
        if name.endswith(suffix):
            return import_module(f"ckpt_uq.io.{module}")
    if Path(path).is_dir() or "." not in name:
        return import_module("ckpt_uq.io.png")
    raise ArgumentError(
        f"path must end in one of {', '.join(_FORMATS)}, or name a folder of PNG slices, got {path}"
    )
