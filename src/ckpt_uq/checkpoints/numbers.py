"""What rebuilds the NumPy numbers of a training checkpoint (epochs, losses), and none of its objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import scalar as numpy_scalar

_TYPES = [np.dtype(code) for code in "?" + np.typecodes["AllInteger"] + np.typecodes["AllFloat"]]
_LOCK = threading.Lock()  # torch keeps one list for the whole process


@contextmanager
def numbers_allowed() -> Iterator[None]:
    """Let ``torch.load(weights_only=True)`` rebuild NumPy numbers too, inside the block alone."""
    with _LOCK, torch.serialization.safe_globals(_ALLOWED):
        yield


def _number_type(code: object, *flags: bool) -> np.dtype[Any]:
    if not isinstance(code, str) or np.dtype(code) not in _TYPES:
        raise ValueError(f"it holds NumPy data of type {code!r}, which is no number")
    return np.dtype(code, *flags)


def _number(dtype: np.dtype[Any], data: object) -> Any:
    if not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise ValueError(f"it holds a NumPy number of type {dtype} without its {dtype.itemsize} bytes")
    return numpy_scalar(dtype, data)


_ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_number_type, "numpy.dtype"),
    (_number, "numpy._core.multiarray.scalar"),
    (_number, "numpy.core.multiarray.scalar"),  # NumPy 1 wrote it
    *{type(number) for number in _TYPES},
]
