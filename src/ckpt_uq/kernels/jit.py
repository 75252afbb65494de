"""The one place that compiles Python loops to machine code."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

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


def inline(step: Loop) -> Loop:
    """Compile a step as part of every loop that takes it, without the cost of a call."""
    return cast(Loop, numba.njit(forceinline=True, **_OPTIONS)(step))


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
