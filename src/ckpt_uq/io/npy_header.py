"""The header of a .npy file: what numbers follow, and in what order."""

from __future__ import annotations

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

MOST_BYTES = 1 << 14  # NumPy itself refuses longer headers


class NpyHeader(NamedTuple):
    """What a .npy file announces; `n_bytes` is the header's own size."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    n_bytes: int


def parse(beginning: bytes) -> NpyHeader:
    """Parse the first bytes of a .npy file.

    Raises
    ------
    ValueError
        They are no header, or announce Python objects, which only unpickling could read.
    """
    file = BytesIO(beginning)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its format version must be 1.0 or 2.0, got {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled; save an array of numbers")
    return NpyHeader(shape, dtype, fortran_order, file.tell())
