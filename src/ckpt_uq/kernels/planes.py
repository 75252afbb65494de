"""Planes of numbers in single precision, one a class, a piece at a time.

The loops read float32 in rows without gaps. Arrays that are so already are read where they lie; others are
copied, or half precision decoded, a piece at a time, into memory that does not grow with the array.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.kernels.bits import bits_float
from ckpt_uq.kernels.blocks import row_voxels
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]

CHUNK = 1024
"""Voxels between two stages that hand much on, in the first cache; sums of so many fit integers."""

STRETCH = 1 << 14
"""Voxels between two stages that hand little on, in the second cache; so many let memory be read ahead."""

PIECE_VALUES = 1 << 20
"""Values of a piece that is copied; at least one row is."""


class Piece(NamedTuple):
    """Columns ``start`` to ``stop`` of ``planes`` (C, N): rows ``first`` to ``last`` of the array."""

    planes: Array
    start: int
    stop: int
    first: int
    last: int


def pieces(rows: Array, start: int, stop: int, dtype: Any = np.float32) -> Iterator[Piece]:
    """View or copy rows ``start`` to ``stop`` of what :func:`~ckpt_uq.kernels.blocks.as_rows` returned.

    A dtype of uint16 means the bits of bfloat16, for which NumPy has no name.
    """
    if is_read_in_place(rows, dtype):
        yield Piece(rows, start, stop, start, stop)
        return
    if rows.size == 0:
        return
    step = max(1, PIECE_VALUES // max(1, len(rows) * row_voxels(rows)))
    for first in range(start, stop, step):
        last = min(first + step, stop)
        planes = _converted(rows[:, first:last], dtype)
        yield Piece(planes, 0, planes.shape[1], first, last)


def is_read_in_place(rows: Array, dtype: Any = np.float32) -> bool:
    """Whether the loops can read an array where it lies."""
    return bool(rows.ndim == 2 and rows.flags.c_contiguous and rows.dtype == dtype and rows.dtype.isnative)


def _converted(rows: Array, dtype: Any) -> Array:
    if rows.dtype == np.uint16:
        return decoded(rows).reshape(len(rows), -1)
    if rows.dtype != np.float16 or dtype != np.float32 or not rows.dtype.isnative:
        return np.ascontiguousarray(rows, dtype).reshape(len(rows), -1)
    halves = np.ascontiguousarray(rows).view(np.uint16).reshape(-1)
    values = np.empty(len(halves), np.float32)
    _decode(halves, values)
    return values.reshape(len(rows), -1)


def decoded(bits: Array) -> Array:
    """The numbers, in single precision, of which uint16 are the bits as bfloat16."""
    words = np.ascontiguousarray(bits).astype(np.uint32)
    words <<= 16  # bfloat16 is the upper half of float32
    return words.view(np.float32)


@jit
def _decode(halves: Array, out: Array) -> None:
    for i in range(len(out)):
        half = np.int32(halves[i])
        magnitude = np.int32(np.int32(half & np.int32(0x7FFF)) << np.int32(13))
        value = bits_float(magnitude) * _REBIAS
        if magnitude >= _INFINITE:
            value = bits_float(np.int32(magnitude | np.int32(0x7F800000)))
        out[i] = -value if half & np.int32(0x8000) else value


_REBIAS = np.float32(2.0**112)  # the exponents' biases are 15 and 127; a product decodes subnormal ones too
_INFINITE = np.int32(0x7C00 << 13)
