"""NIfTI volumes in the library's axis order, geometry kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.atomic import atomic_path

SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True)
class Volume:
    """A scalar volume and where it lies.

    Attributes
    ----------
    data : array
        Shape (z, y, x): the file's axes reversed, so that slices come first.
    affine : array
        Shape (4, 4), as in the file: voxel (x, y, z) to mm.
    header : nibabel header, optional
        The file's own; carries units and orientation codes over to what is written.
    """

    data: npt.NDArray[Any]
    affine: npt.NDArray[np.float64]
    header: nib.Nifti1Header | None = None


def read_volume(path: str | Path) -> Volume:
    """Read a three-dimensional NIfTI file.

    Raises
    ------
    DataError
        The file is missing, damaged, no NIfTI, or not three-dimensional.
    """
    path = _nifti_path(path)
    try:
        image = nib.Nifti1Image.from_filename(path)
        data = np.asarray(image.dataobj)
    except FileNotFoundError:
        raise DataError(f"path must be a NIfTI file, found none at {path}") from None
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} must be a readable NIfTI file: {error}") from error
    if data.ndim != 3:
        raise DataError(f"{path} must hold a volume with 3 axes, got shape {data.shape}; split other axes first")
    return Volume(data.T, image.affine, image.header)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume, whole or not at all.

    Parameters
    ----------
    path : path
        Ends in .nii.gz or .nii.
    volume : Volume
        `data` decides the type on disk; float64 becomes float32, bool becomes uint8.

    Raises
    ------
    ArgumentError
        `data` does not have 3 axes, or the path's suffix is not NIfTI's.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(f"{folder}/v.nii.gz", Volume(np.ones((2, 3, 4), np.uint8), np.eye(4)))
    ...     read_volume(f"{folder}/v.nii.gz").data.shape
    (2, 3, 4)
    """
    path = _nifti_path(path)
    if volume.data.ndim != 3:
        raise ArgumentError(f"data must have 3 axes (z, y, x), got shape {volume.data.shape}")
    data = volume.data.astype({"f8": "f4", "b1": "u1"}.get(volume.data.dtype.str[1:], volume.data.dtype))
    header = None if volume.header is None else volume.header.copy()
    image = nib.Nifti1Image(data.T, volume.affine, header, dtype=data.dtype)
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def _nifti_path(path: str | Path) -> Path:
    if not str(path).endswith(SUFFIXES):
        raise ArgumentError(f"path must end in {' or '.join(SUFFIXES)}, got {path}")
    return Path(path)
