"""Labels as the loops read them, and which of them count."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.jit import jit

Array = np.ndarray[Any, Any]

_READ_AS = {
    "bool": "uint8",
    "int8": "int16",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "int32",
    "int32": "int32",
}
NO_LABELS = (int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min))
"""The range of no labels at all."""


def plain_integers(block: Array) -> Array:
    """Flatten labels, in one of the four dtypes that loops are compiled for; a copy only where needed."""
    dtype = np.dtype(_READ_AS.get(block.dtype.name, "int64"))
    return np.ascontiguousarray(block, dtype).reshape(-1)


def outside_none(mask: Array | None, first: int, last: int) -> Array:
    """Bytes of rows of a mask, flat; no bytes where there is no mask."""
    if mask is None:
        return _NO_MASK
    return np.ascontiguousarray(mask[first:last]).reshape(-1).view(np.uint8)


_NO_MASK = np.empty(0, np.uint8)


@jit
def label_range(labels: Array) -> Any:
    """Lowest and highest of at least one label."""
    low, high = labels[0], labels[0]
    for i in range(len(labels)):
        low, high = min(low, labels[i]), max(high, labels[i])
    return np.int64(low), np.int64(high)


@jit
def as_bytes(labels: Array, found: Array) -> None:
    """Copy labels that fit into bytes."""
    for i in range(len(labels)):
        found[i] = np.uint8(labels[i])


@jit
def count_chosen(labels: Array, mask: Array, some_ignored: bool, ignored: int) -> int:
    """How many labels count: those in the mask, if there is one, and not ignored."""
    if not some_ignored and not len(mask):
        return len(labels)
    n = 0
    if not some_ignored:
        for i in range(len(mask)):
            n += mask[i]
    elif not len(mask):
        for i in range(len(labels)):
            n += labels[i] != ignored
    else:
        for i in range(len(labels)):
            n += mask[i] & (labels[i] != ignored)
    return n


@jit
def choose(
    p: Array,
    a: int,
    labels: Array,
    mask: Array,
    some_ignored: bool,
    ignored: int,
    chosen_p: Array,
    chosen_labels: Array,
) -> int:
    """Move the columns of ``p``, from ``a`` on, and the labels that count next to each other; how many."""
    n = 0
    for i in range(len(labels)):
        if (not len(mask) or mask[i]) and not (some_ignored and labels[i] == ignored):
            for k in range(len(p)):
                chosen_p[k, n] = p[k, a + i]
            chosen_labels[n] = labels[i]
            n += 1
    return n
