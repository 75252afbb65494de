"""The likeliest class of every voxel of a volume."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.blocks import as_rows, map_blocks, row_voxels
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.planes import CHUNK, pieces
from ckpt_uq.kernels.ranges import LEAST, MOST
from ckpt_uq.kernels.top import MOST_CLASSES, top

Array = np.ndarray[Any, Any]


def likeliest(probs: Array) -> Array:
    """Find the class of the largest of ``probs`` (C, *S), the lowest on a tie; NaN counts as the largest.

    uint8 of shape S, or int32 where that has not room for all classes.
    """
    classes = np.empty(probs.shape[1:], np.uint8 if len(probs) <= MOST_CLASSES else np.int32)
    rows, found = as_rows(probs, classes)
    single = rows.dtype != np.float64 and len(rows) <= MOST_CLASSES

    def find(start: int, stop: int) -> None:
        for piece in pieces(rows, start, stop, np.float32 if single else np.float64):
            here = found[piece.first : piece.last].reshape(-1)
            if not (single and _find(piece.planes, piece.start, here)):
                here[:] = piece.planes[:, piece.start : piece.stop].argmax(0)

    map_blocks(find, rows.shape[1], row_voxels(rows))
    return classes


@jit
def _find(p: Array, start: int, winner: Array) -> bool:
    """Fill in the winners; False where a sum was no number, so that there is more to see to."""
    best, total = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.float32)
    low, high = MOST, LEAST
    for a in range(0, len(winner), CHUNK):
        n = min(CHUNK, len(winner) - a)
        _, _, lowest, highest = top(p, start + a, best[:n], winner[a : a + n], total[:n])
        low, high = min(low, lowest), max(high, highest)
    return bool(low >= 0 and high <= _INFINITY)


_INFINITY = np.float32(np.inf).view(np.int32)
