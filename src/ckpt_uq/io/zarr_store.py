"""Zarr arrays on disk, for what does not fit into memory; needs the optional package zarr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ckpt_uq.errors import DataError
from ckpt_uq.io.folder import new_folder
from ckpt_uq.io.volume import Volume, require_volume

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError)
_CHUNK_VOXELS = 1 << 20


def read_volume(path: str | Path) -> Volume:
    """Read a zarr array of three dimensions, and from its attributes ``affine`` where there is one.

    Raises
    ------
    DataError
        zarr is not installed; the array is missing or damaged, or no scalar volume.
    """
    array = open_array(path)
    try:
        data, affine = np.asarray(array[...]), np.array(array.attrs.get("affine", np.eye(4)), np.float64)
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable zarr array: {error}") from error
    require_volume(data, DataError, str(path))
    if affine.shape != (4, 4):
        raise DataError(f"{path} must have an affine of shape (4, 4), got {affine.shape}")
    return Volume(data, affine)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume as a new zarr array in chunks of whole slices, its affine among the attributes."""
    zarr = _zarr(path)
    n_slices, *plane = volume.data.shape
    depth = min(n_slices, max(1, _CHUNK_VOXELS // int(np.prod(plane))))
    with new_folder(path) as folder:
        array = zarr.create_array(
            folder,
            shape=volume.data.shape,
            chunks=(depth, *plane),
            dtype=volume.data.dtype.newbyteorder("="),
            attributes={"affine": volume.affine.tolist()},
        )
        array[...] = volume.data


def open_array(path: str | Path) -> Any:
    """Open a zarr array without reading it: it has shape and dtype, and slices come when asked for.

    Raises
    ------
    DataError
        zarr is not installed, or there is no zarr array at `path`.
    """
    zarr = _zarr(path)
    try:
        _refuse_pickle(Path(path))
        return zarr.open_array(path, mode="r")
    except FileNotFoundError:
        raise DataError(f"path must be a zarr array, found none at {path}") from None
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable zarr array: {error}") from error


def _zarr(path: str | Path) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise DataError(
            f"{path} needs the package zarr, it is not installed; pip install 'ckpt-uq[zarr]'"
        ) from error
    return zarr


def _refuse_pickle(path: Path) -> None:
    """Of zarr's codecs, one runs code that the file brings along."""
    for name in ("zarr.json", ".zarray"):
        if (path / name).is_file() and any(
            "pickle" in text for text in _texts(json.loads((path / name).read_bytes()))
        ):
            raise ValueError("its chunks are pickles, which can run code; save it as plain numbers")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "attributes":
                yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
