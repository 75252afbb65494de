"""Writing probabilities slab by slab, in the form that nnU-Net saves them."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ckpt_uq.arrays import as_tensor
from ckpt_uq.io.atomic import atomic_path

_DTYPE = np.dtype("<f2")
_COMPRESSION = 4


@contextmanager
def probabilities_writer(
    path: str | os.PathLike[str], shape: tuple[int, ...]
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Write half-precision probabilities as ``probabilities`` of a .npz, whole or not at all.

    Slabs hold all classes and the file holds class after class, so the numbers wait in a file beside it,
    not in memory.

    Parameters
    ----------
    path : path
        Ends in .npz.
    shape : tuple of int
        (C, z, y, x) of the whole.

    Yields
    ------
    callable
        Takes the next slices of all classes, shape (C, n, y, x); there must be as many as `shape` says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with probabilities_writer(f"{folder}/a.npz", (2, 3, 4, 4)) as write:
    ...         write(np.full((2, 2, 4, 4), 0.5))
    ...         write(np.full((2, 1, 4, 4), 0.5))
    ...     np.load(f"{folder}/a.npz")["probabilities"].shape
    (2, 3, 4, 4)
    """
    path = Path(path)
    n_bytes = int(np.prod(shape[1:])) * _DTYPE.itemsize
    waiting = path.with_name(f".tmp-{os.getpid()}-{path.stem}.raw")
    try:
        with open(waiting, "w+b") as file:
            written = 0

            def write(slab: npt.NDArray[Any]) -> None:
                nonlocal written
                for index, planes in enumerate(slab):
                    file.seek(index * n_bytes + written)
                    file.write(_halved(planes).data)
                written += slab[0].size * _DTYPE.itemsize

            yield write
            file.seek(0)
            with atomic_path(path) as temporary:
                _pack(file, temporary, shape)
    finally:
        waiting.unlink(missing_ok=True)


def _halved(planes: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    """Half precision, rounded once: by torch, a hundred times as fast, but in two steps from double."""
    if planes.dtype != np.float32:
        return np.ascontiguousarray(planes, _DTYPE)
    halves: npt.NDArray[np.float16] = as_tensor(planes, "slab").data.half().contiguous().numpy()
    return halves


def _pack(numbers: IO[bytes], path: Path, shape: tuple[int, ...]) -> None:
    part = zipfile.ZipInfo("probabilities.npy")  # of a fixed date: the same numbers, the same file
    part.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(path, "w", compresslevel=_COMPRESSION) as archive,
        archive.open(part, "w", force_zip64=True) as file,
    ):
        header = {"descr": npy.dtype_to_descr(_DTYPE), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        shutil.copyfileobj(numbers, file, 1 << 20)
