"""Volumes in NumPy's own files: .npy, numbers alone, and .npz, with their place."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import DataError
from ckpt_uq.io.atomic import atomic_path
from ckpt_uq.io.volume import Volume, require_volume

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
)


def read_volume(path: str | Path) -> Volume:
    """Read a .npy file, or from a .npz the array ``data``, or the only one, and ``affine`` if it is there.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds Python objects or no scalar volume.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:  # which NumPy would leave open when it fails
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                data, affine = content, np.eye(4)
            else:
                data, affine = _volume_in(path, content), _affine_in(path, content)
    except FileNotFoundError:
        raise DataError(f"path must be a {path.suffix} file, found none at {path}") from None
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable {path.suffix} file of numbers: {error}") from error
    require_volume(data, DataError, str(path))
    return Volume(data, affine)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume as .npy (without its affine) or as compressed .npz, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        if temporary.suffix == ".npz":
            np.savez_compressed(file, data=volume.data, affine=volume.affine)
        else:
            np.save(file, volume.data, allow_pickle=False)


def _volume_in(path: Path, arrays: Any) -> npt.NDArray[Any]:
    names = [name for name in arrays.files if name != "affine"]
    if "data" not in names and len(names) != 1:
        raise DataError(f"{path} must hold an array named data, or only one, got {names}; save it with data=")
    data: npt.NDArray[Any] = arrays["data" if "data" in names else names[0]]
    return data


def _affine_in(path: Path, arrays: Any) -> npt.NDArray[np.float64]:
    affine = np.asarray(arrays["affine"] if "affine" in arrays.files else np.eye(4))
    if affine.shape != (4, 4):
        raise DataError(f"{path} must hold an affine of shape (4, 4), got {affine.shape}")
    return affine.astype(np.float64)
