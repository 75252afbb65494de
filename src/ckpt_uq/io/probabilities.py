"""Folders of saved member probabilities, read slab by slab: one case a file, all classes side by side.

A file holds one array of shape (C, z, y, x): nnU-Net's CASE.npz, or CASE.npy, or CASE.zarr. CASE.nii.gz
beside it says where the grid lies; its axes are those of the array reversed. A .pkl beside it is never
opened.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io import npy_header
from ckpt_uq.io.forward_stream import ForwardStream
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.zip_part import find_part
from ckpt_uq.kernels.blocks import map_blocks

Array = npt.NDArray[Any]

SUFFIXES = (".npz", ".npy", ".zarr")
KEYS = ("probabilities", "softmax")  # of nnU-Net 2 and 1

_PIECE = 1 << 20


class SavedProbabilities(Protocol):
    """One member's probabilities of one case.

    Attributes
    ----------
    path : Path
        The file, for messages.
    shape : tuple of int
        (C, z, y, x).
    """

    path: Path
    shape: tuple[int, ...]

    def slabs(self, depth: int) -> Iterator[Array]:
        """Hand out ``depth`` slices of all classes at a time, shape (C, depth, y, x), the last ones fewer."""


def find_cases(folder: str | Path) -> dict[str, Path]:
    """Map the name of every case in a member's folder to its file of probabilities.

    Raises
    ------
    ArgumentError
        There is no such folder, or it holds a case twice.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArgumentError(f"a member must be a folder of saved probabilities, found none at {folder}")
    cases: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in cases:
            raise ArgumentError(
                f"{folder} must hold each case once, got {cases[path.stem].name} and {path.name}; remove one"
            )
        cases[path.stem] = path
    return cases


def geometry_beside(path: Path) -> Geometry | None:
    """Where the grid of a file of probabilities lies, by the NIfTI of its name beside it, if there is one."""
    from ckpt_uq.io.nifti import SUFFIXES as NIFTI
    from ckpt_uq.io.nifti import read_geometry

    beside = (path.with_name(path.stem + suffix) for suffix in NIFTI)
    return next((read_geometry(file) for file in beside if file.is_file()), None)


@contextmanager
def open_probabilities(path: str | Path) -> Iterator[SavedProbabilities]:
    """Open one member's probabilities of one case; memory is that of a slab, whatever the file's size.

    A .npz is read through once here, so that a damaged one is refused before anything is made of it.

    Raises
    ------
    DataError
        The file is missing, truncated or damaged, holds Python objects, or no array (C, z, y, x) of
        floating-point numbers in C order.
    """
    path = Path(path)
    if path.suffix == ".zarr":
        yield _ZarrProbabilities(path)
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise DataError(f"{path} must be a readable {path.suffix} file: {error.strerror}") from error
    try:
        with _named(path):
            opened = _in_npz(path, descriptor) if path.suffix == ".npz" else _in_npy(path, descriptor)
        yield opened
    finally:
        os.close(descriptor)


class _ClassStreams:
    """Probabilities as C streams, each at the beginning of its class."""

    def __init__(self, path: Path, header: npy_header.NpyHeader, beginnings: list[ForwardStream]) -> None:
        self.path = path
        self.shape = header.shape
        self._dtype = header.dtype
        self._beginnings = beginnings

    def slabs(self, depth: int) -> Iterator[Array]:
        streams = [beginning.mark() for beginning in self._beginnings]
        for start in range(0, self.shape[1], depth):
            # Not by a name: a generator at rest would hold on to its slab, one for every member.
            yield self._read(streams, min(depth, self.shape[1] - start))

    def _read(self, streams: list[ForwardStream], depth: int) -> Array:
        slab = np.empty((len(streams), depth, *self.shape[2:]), self._dtype)
        with _named(self.path):
            _fill(slab, streams)
        return slab.astype(self._dtype.newbyteorder("="), copy=False)


class _ZarrProbabilities:
    def __init__(self, path: Path) -> None:
        from ckpt_uq.io.zarr_store import open_array

        self.path = path
        self._array = open_array(path)
        self.shape = tuple(self._array.shape)
        with _named(path):
            _require_probabilities(self.shape, self._array.dtype)

    def slabs(self, depth: int) -> Iterator[Array]:
        for start in range(0, self.shape[1], depth):
            yield self._read(start, start + depth)

    def _read(self, start: int, stop: int) -> Array:
        with _named(self.path):
            slab = np.asarray(self._array[:, start:stop])
        return slab.astype(slab.dtype.newbyteorder("="), copy=False)


def _in_npz(path: Path, descriptor: int) -> _ClassStreams:
    part = find_part(path, [f"{key}.npy" for key in KEYS])
    stream = ForwardStream(descriptor, part.start, part.stop, deflated=part.deflated)
    header = _header(stream, part.n_bytes)
    checksum = _pass_over(stream, header.n_bytes, 0)
    beginnings = []
    for _ in range(header.shape[0]):
        beginnings.append(stream.mark())
        checksum = _pass_over(stream, _class_bytes(header), checksum)
    if stream.read(1) or checksum != part.checksum:
        raise ValueError("its content does not match its checksum, the file is damaged")
    return _ClassStreams(path, header, beginnings)


def _in_npy(path: Path, descriptor: int) -> _ClassStreams:
    size = os.fstat(descriptor).st_size
    header = _header(ForwardStream(descriptor, 0, size, deflated=False), size)
    starts = range(header.n_bytes, size, _class_bytes(header))
    return _ClassStreams(path, header, [ForwardStream(descriptor, s, size, deflated=False) for s in starts])


def _header(stream: ForwardStream, size: int) -> npy_header.NpyHeader:
    """Read the header that a stream begins with, and compare what it announces with the size there is."""
    beginning = memoryview(bytearray(npy_header.MOST_BYTES))
    n_read = stream.mark().readinto(beginning)
    header = npy_header.parse(bytes(beginning[:n_read]))
    _require_probabilities(header.shape, header.dtype)
    if header.fortran_order:
        raise ValueError(
            "its array must be in C order, got Fortran order; save numpy.ascontiguousarray of it"
        )
    announced = header.n_bytes + header.shape[0] * _class_bytes(header)
    if announced != size:
        raise ValueError(f"it announces {announced} bytes and holds {size}, is it truncated?")
    return header


def _class_bytes(header: npy_header.NpyHeader) -> int:
    return math.prod(header.shape[1:]) * header.dtype.itemsize


def _require_probabilities(shape: tuple[int, ...], dtype: Any) -> None:
    if len(shape) != 4 or 0 in shape:
        raise ValueError(f"its array must have shape (C, z, y, x), none of them 0, got {tuple(shape)}")
    if np.dtype(dtype).kind != "f" or np.dtype(dtype).itemsize > 8:
        raise ValueError(
            f"its array must be float16, float32 or float64, got {dtype}; save probabilities, not labels"
        )


def _pass_over(stream: ForwardStream, n_bytes: int, checksum: int) -> int:
    while n_bytes:
        piece = stream.read(min(n_bytes, _PIECE))
        if not piece:
            raise ValueError(f"its last {n_bytes} bytes are missing, it is truncated")
        checksum = zlib.crc32(piece, checksum)
        n_bytes -= len(piece)
    return checksum


def _fill(slab: Array, streams: list[ForwardStream]) -> None:
    def fill(first: int, last: int) -> None:
        for index in range(first, last):
            buffer = memoryview(slab[index]).cast("B")
            if streams[index].readinto(buffer) < len(buffer):
                raise ValueError(f"class {index} ends early, the file was changed while it was read")

    map_blocks(fill, len(streams), slab[0].size)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in whatever is wrong with it."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, zlib.error) as error:
        raise DataError(f"{path} must hold saved probabilities: {error}") from error
