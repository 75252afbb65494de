"""What is true of voxels in a row, a bit each, as words."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import alike, matches
from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]

WORD = 64
"""Voxels."""
ALL = np.uint64(2**64 - 1)
"""A word of which every bit is set."""


@jit
def pack(voxels: Array, bits: np.uint8, value: np.uint8, words: Array) -> None:
    """Set the bits of the bytes that are ``value`` in the ``bits``."""
    n_whole, rest = len(voxels) // WORD, len(voxels) % WORD
    pack_whole(voxels, 0, bits, value, words[:n_whole])
    if rest:
        words[n_whole] = pack_part(voxels, n_whole * WORD, rest, bits, value)


@jit
def pack_alike(ones: Array, others: Array, words: Array) -> None:
    """Set the bits of the bytes that are the same in two arrays, of which the second may be longer."""
    n_whole = len(ones) // WORD
    for i in range(n_whole):
        words[i] = alike(ones, others, i * WORD)
    if len(ones) % WORD:
        words[n_whole] = 0
        for i in range(n_whole * WORD, len(ones)):
            words[n_whole] |= np.uint64(ones[i] == others[i]) << np.uint64(i % WORD)


@jit
def pack_whole(voxels: Array, start: int, bits: np.uint8, value: np.uint8, words: Array) -> None:
    """As :func:`pack`, for whole words of the bytes from ``start`` on."""
    for i in range(np.uint64(len(words))):
        words[i] = matches(voxels, np.int64(np.uint64(start) + i * np.uint64(WORD)), bits, value)


@jit
def pack_part(voxels: Array, start: int, n: int, bits: np.uint8, value: np.uint8) -> Any:
    """A last word, of n bytes from ``start`` on."""
    if start + WORD <= len(voxels):
        return matches(voxels, start, bits, value) & (ALL >> np.uint64(WORD - n))
    word = np.uint64(0)
    for i in range(n):
        word |= np.uint64((voxels[start + i] & bits) == value) << np.uint64(i)
    return word
