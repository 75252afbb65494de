"""The one place that compiles Python loops to machine code."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.extending import intrinsic

MOST_UNROLLED = 8
"""Classes of a loop that is made for their number; with more there are not registers enough."""

Loop = TypeVar("Loop", bound=Callable[..., object])


def jit(loop: Loop) -> Loop:
    """Compile a loop at its first call for each combination of dtypes, and remember the machine code on disk.

    The loop runs without the interpreter's lock, so that blocks run side by side in ordinary threads.
    Floating-point semantics stay strict but for one thing: a product may be added without being rounded
    before. With more of ``fastmath`` the checks for NaN would be optimised away, and sums would depend on the
    width of the processor's registers.

    The code on disk belongs to these very sources: whenever one of the kernels' files changes, all are
    compiled anew. Several processes may fill the same cache at once. Where no directory can be written (a
    read-only installation without a home), the code is compiled anew in every process instead.
    """
    loop.__qualname__ = f"{loop.__qualname__}_{_DIGEST}"
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return cast(Loop, numba.njit(**_OPTIONS)(loop))
    _name_files_of_this_process(compiled)
    return cast(Loop, compiled)


def unrolled(make: Callable[[int], Loop]) -> Callable[[int], Loop]:
    """Compile what ``make`` returns anew for every number of classes, at the first call with it.

    A loop over a number of classes that the compiler knows vanishes into the loop over the voxels around it:
    all classes of a register full of voxels are done at once. Up to ``MOST_UNROLLED`` of them.

    Two rules, or registers stay empty: what is made reads nothing of ``make`` but the number, and it indexes
    by uint64, of which none counts from the end.
    """

    @functools.cache
    def loop_for(n_classes: int) -> Loop:
        loop = make(n_classes)
        loop.__qualname__ = f"{make.__qualname__}_{n_classes}"  # machine code is told apart by names alone
        return jit(loop)

    return loop_for


def inline(step: Loop) -> Loop:
    """Compile a step as part of every loop that takes it, without the cost of a call."""
    return cast(Loop, numba.njit(forceinline=True, **_OPTIONS)(step))


def instruction(declare: Callable[..., Any]) -> Callable[..., Any]:
    """Give loops a function that Python has no words for.

    ``declare`` takes a context and the types of the arguments; it returns the function's type, and what
    generates its code.
    """
    return cast(Callable[..., Any], intrinsic(declare))


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": {"contract"},
    "error_model": "numpy",  # x / 0 is a number: a loop that may raise an exception is no vector loop
}


def _digest_of_sources() -> str:
    """Name the state of all kernels: a loop's machine code holds what it calls, from whatever file."""
    try:
        sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    except OSError:
        return ""  # inside an archive, which the compiler's own stamp covers
    return sha256(b"\0".join(sources)).hexdigest()[:12]


_DIGEST = _digest_of_sources()


def _name_files_of_this_process(compiled: object) -> None:
    """Let no two processes write one file.

    numba numbers the files of a loop's signatures. Two processes that compile different ones at the same time
    choose the same number, and a third would load one signature's code for the other.
    """
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    pattern = getattr(file, "_data_name_pattern", None)
    if file is not None and isinstance(pattern, str):
        file._data_name_pattern = pattern.replace("{number", f"{uuid.uuid4().hex[:12]}.{{number")
