"""The one place that compiles Python loops to machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., object])


def jit(loop: Loop) -> Loop:
    """Compile a loop at its first call for each combination of dtypes, and remember the machine code on disk.

    The loop runs without the interpreter's lock, so that blocks run side by side in ordinary threads.
    Floating-point semantics stay strict: with ``fastmath`` the checks for NaN would be optimised away.

    Where no directory can be written (a read-only installation without a home), the code is compiled anew in
    every process instead.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True)(loop)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        compiled = numba.njit(nogil=True)(loop)
    return cast(Loop, compiled)
