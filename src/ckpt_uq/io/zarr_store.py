"""Zarr arrays on disk, for what does not fit into memory; needs the optional package zarr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.folder import new_folder
from ckpt_uq.io.geometry import Geometry
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
    data = _read(array, slice(None), path) if array.shape else np.empty(())
    require_volume(data, DataError, str(path))
    return Volume(data, _affine_of(array, path))


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume as a new zarr array in chunks of whole slices, its affine among the attributes."""
    with slab_writer(path, volume.geometry, volume.data.dtype) as write:
        write(volume.data)


def read_geometry(path: str | Path) -> Geometry:
    """Read where a zarr array of three dimensions lies, none of its voxels.

    Raises
    ------
    DataError
        As :func:`read_volume`.
    """
    array = open_array(path)
    if len(array.shape) != 3 or 0 in array.shape:
        raise DataError(f"{path} must have 3 axes (z, y, x), none of them empty, got shape {array.shape}")
    return Geometry(tuple(array.shape), _affine_of(array, path))


def slabs(path: str | Path, depth: int) -> Iterator[npt.NDArray[Any]]:
    """Hand out a volume ``depth`` slices at a time, the last ones fewer, without ever holding it.

    Raises
    ------
    DataError
        As :func:`read_volume`.
    """
    n_slices, array = read_geometry(path).shape[0], open_array(path)
    for start in range(0, n_slices, depth):
        yield _read(array, slice(start, start + depth), path)


@contextmanager
def slab_writer(
    path: str | Path, geometry: Geometry, dtype: npt.DTypeLike
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Write a new zarr array slab by slab, whole or not at all, without ever holding it.

    Slabs of any depth are taken; they wait until they fill a chunk, of whole slices.

    Parameters
    ----------
    path : path
        Must not exist.
    geometry : Geometry
        Shape and affine of the whole.
    dtype : dtype
        Of the array.

    Yields
    ------
    callable
        Takes the next slices, shape (n, y, x).

    Raises
    ------
    ArgumentError
        The slabs do not make up the shape, or there is something at `path`.
    DataError
        zarr is not installed.

    Examples
    --------
    >>> import tempfile
    >>> geometry = Geometry((5, 4, 4), np.eye(4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with slab_writer(f"{folder}/map.zarr", geometry, np.float32) as write:
    ...         write(np.zeros((3, 4, 4)))
    ...         write(np.ones((2, 4, 4)))
    ...     [slab.mean().item() for slab in slabs(f"{folder}/map.zarr", 3)]
    [0.0, 1.0]
    """
    zarr = _zarr(path)
    n_slices, *plane = geometry.shape
    depth = min(n_slices, max(1, _CHUNK_VOXELS // int(np.prod(plane))))
    with new_folder(path) as folder:
        array = zarr.create_array(
            folder,
            shape=geometry.shape,
            chunks=(depth, *plane),
            dtype=np.dtype(dtype).newbyteorder("="),
            attributes={"affine": geometry.affine.tolist()},
        )
        waiting: list[npt.NDArray[Any]] = []
        n_written = n_waiting = 0

        def put(n: int) -> None:
            """Move ``n`` waiting slices into the array."""
            nonlocal n_written, n_waiting
            together = np.concatenate(waiting)
            array[n_written : n_written + n] = together[:n]
            waiting[:] = [together[n:].copy()]
            n_written, n_waiting = n_written + n, n_waiting - n

        def write(slab: npt.NDArray[Any]) -> None:
            nonlocal n_waiting
            n_known = n_written + n_waiting
            if slab.shape[1:] != tuple(plane) or n_known + len(slab) > n_slices:
                raise ArgumentError(
                    f"slabs must make up the shape {geometry.shape}, got {slab.shape} after slice {n_known}"
                )
            waiting.append(slab.astype(array.dtype))
            n_waiting += len(slab)
            if full := n_waiting // depth * depth:
                put(full)

        yield write
        if n_written + n_waiting != n_slices:
            raise ArgumentError(
                f"slabs must make up the shape {geometry.shape}, got {n_written + n_waiting} slices"
            )
        if n_waiting:
            put(n_waiting)


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


def _read(array: Any, which: slice, path: str | Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(array[which])
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable zarr array: {error}") from error


def _affine_of(array: Any, path: str | Path) -> npt.NDArray[np.float64]:
    try:
        affine = np.array(array.attrs.get("affine", np.eye(4)), np.float64)
    except _UNREADABLE as error:
        raise DataError(f"{path} must have an affine of numbers: {error}") from error
    if affine.shape != (4, 4):
        raise DataError(f"{path} must have an affine of shape (4, 4), got {affine.shape}")
    return affine


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
