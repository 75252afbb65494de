"""Count the instructions of a call by taking them one at a time: exact, and thousands of times slower.

For machines whose hardware counters are out of reach, as most virtual ones. A forked child makes the call;
this process stops it after every instruction (ptrace: Linux on x86-64) and notes where it is.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

LONGEST = 15
"""Bytes of the longest instruction."""

_READY, _COUNT, _PAUSE, _DONE = signal.SIGSTOP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT

_TRACE_ME, _PEEK_USER, _CONTINUE, _SINGLE_STEP, _SET_OPTIONS = 0, 3, 7, 9, 0x4200  # sys/ptrace.h
_EXIT_KILL = 0x100000  # whoever is traced dies with this process
_RIP = 16 * 8  # the program counter's offset in struct user of sys/user.h


@dataclass(frozen=True)
class Executed:
    """What a call did.

    Attributes
    ----------
    compiled : mapping of int to int
        How often the instruction at each address was executed, where code lies that was compiled while the
        process ran: in executable memory that is of no file.
    code : mapping of int to bytes
        What lies at these addresses, `LONGEST` bytes of it or what there is.
    elsewhere : int
        Other instructions: of the interpreter and of libraries.
    """

    compiled: Mapping[int, int]
    code: Mapping[int, bytes]
    elsewhere: int


def executed(run: Callable[[], Any], within: type | None = None) -> Executed:
    """Every instruction that this thread executes for a call after the first, which may load and compile.

    Each takes some microseconds, on a virtual machine some tens. A string instruction that repeats is one.

    Parameters
    ----------
    run : callable
        What is called, in a copy of this process; its results are lost.
    within : type, optional
        Count only while an object of this class is called; it must be a class that Python code defines.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SystemExit(
            f"counting instructions needs Linux on x86-64, and this is {sys.platform} on "
            f"{platform.machine()}; leave --parts instructions out"
        )
    run()
    child = os.fork()
    if child == 0:
        _be_traced(run, within)
    try:
        _next_signal(child)
        _ptrace(_SET_OPTIONS, child, 0, _EXIT_KILL)
        counts = _counts(child)
        code = _code(child, counts)
    finally:
        with suppress(ProcessLookupError, ChildProcessError):  # it has ended, which was told
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    compiled = {address: counts[address] for address in code}
    return Executed(compiled, code, sum(counts.values()) - sum(compiled.values()))


def _be_traced(run: Callable[[], Any], within: type | None) -> NoReturn:
    """In the child: call, and say by signals when to count."""
    try:
        run()  # the first call after a fork copies the pages that it writes
        if _ptrace(_TRACE_ME, 0, 0):
            os.write(2, b"this process may not be traced; is ptrace forbidden here?\n")
            os._exit(1)
        signal.raise_signal(_READY)
        if within is None:
            _counted(run)
        else:
            call = within.__call__
            within.__call__ = lambda *args, **options: _counted(call, *args, **options)  # type: ignore
            run()
        signal.raise_signal(_DONE)
    finally:
        os._exit(1)


def _counted(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    signal.raise_signal(_COUNT)
    try:
        return call(*args, **options)
    finally:
        signal.raise_signal(_PAUSE)


def _counts(child: int) -> dict[int, int]:
    """How often every address was executed, until the child is done."""
    counts: dict[int, int] = defaultdict(int)
    while True:
        _ptrace(_CONTINUE, child, 0)
        if _next_signal(child) == _DONE:
            return counts
        _step(child, counts)


def _step(child: int, counts: dict[int, int]) -> None:
    """Instruction by instruction until the child says to pause."""
    before = 0
    while True:
        address = _ptrace(_PEEK_USER, child, _RIP)
        if address != before:  # a string instruction stays where it is until it is through
            counts[address] += 1
        before = address
        _ptrace(_SINGLE_STEP, child, 0)
        if _next_signal(child) == _PAUSE:
            return


def _next_signal(child: int) -> int:
    """What stops the child: a step, or a signal of its own."""
    _, status = os.waitpid(child, 0)
    number = os.WSTOPSIG(status) if os.WIFSTOPPED(status) else None
    if number not in (signal.SIGTRAP, _READY, _COUNT, _PAUSE, _DONE):
        raise RuntimeError(f"the call that is counted ended with wait status {status:#x}")
    return number


def _code(child: int, addresses: Mapping[int, int]) -> dict[int, bytes]:
    """The machine code at the addresses that lie in executable memory of no file."""
    found = {}
    with open(f"/proc/{child}/mem", "rb", buffering=0) as memory:
        for span in _compiled(child):
            for address in filter(span.__contains__, addresses):
                memory.seek(address)
                found[address] = memory.read(min(LONGEST, span.stop - address))
    return found


def _compiled(child: int) -> list[range]:
    """Executable memory that is of no file."""
    lines = (line.split() for line in Path(f"/proc/{child}/maps").read_text().splitlines())
    spans = (fields[0].split("-") for fields in lines if len(fields) == 5 and "x" in fields[1])
    return [range(int(low, 16), int(high, 16)) for low, high in spans]


def _ptrace(request: int, child: int, address: int, data: int = 0) -> int:
    return int(_of_libc()(request, child, address, data))


@cache
def _of_libc() -> Any:
    ptrace = ctypes.CDLL(None).ptrace
    ptrace.restype, ptrace.argtypes = ctypes.c_long, [ctypes.c_long] * 4
    return ptrace
