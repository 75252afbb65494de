"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Let the system have what the C library keeps of freed memory for its next blocks.

    It keeps blocks of some megabytes, such as a network's activations, and where small ones that live on lie
    between them it is more with every slab: twice what is in use, after a while. Only glibc can be asked
    to; elsewhere nothing happens.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows wants a name
        return None
