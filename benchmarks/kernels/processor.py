"""What the processor itself can do: cycles a second, measured, and what its maker says it does in a cycle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

STEPS = 1 << 19
ROUNDS = 2000
"""Short and many, so that some are not interrupted."""


@dataclass(frozen=True)
class Peak:
    """The most that one core does in one cycle.

    Attributes
    ----------
    name : str
        Of the microarchitecture.
    started : int
        Instructions; a comparison and the jump that follows it are one.
    computed, loaded, stored : int
        Vector registers of `register_bytes`. A wider one counts as several, a narrower one as one.
    register_bytes : int
        How wide the paths are.
    """

    name: str
    started: int
    computed: int
    loaded: int
    stored: int
    register_bytes: int


PEAKS = {
    # AMD, Software Optimization Guide for the AMD Zen4 Microarchitecture (publication 57647)
    ("AuthenticAMD", 25, range(0x10, 0x20)): Peak("AMD Zen 4", 6, 4, 2, 1, 32),
    ("AuthenticAMD", 25, range(0x60, 0x80)): Peak("AMD Zen 4", 6, 4, 2, 1, 32),
    ("AuthenticAMD", 25, range(0xA0, 0xB0)): Peak("AMD Zen 4", 6, 4, 2, 1, 32),
}
"""By vendor, family and models as /proc/cpuinfo has them."""


def peak_here() -> Peak | None:
    """Of this machine's processor; None for one that is not in the table."""
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    fields = {key.strip(): value.strip() for key, _, value in lines}
    vendor, family, model = fields["vendor_id"], int(fields["cpu family"]), int(fields["model"])
    for (its_vendor, its_family, models), found in PEAKS.items():
        if (its_vendor, its_family) == (vendor, family) and model in models:
            return found
    return None


def clock_ghz() -> float:
    """Cycles a nanosecond, by the fastest of many runs of a chain in which every operation takes a cycle."""
    fastest = min(map(_seconds, [STEPS] * ROUNDS))
    return round(2 * STEPS / fastest / 1e9, 3)


def _seconds(steps: int) -> float:
    first, second = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
    started = time.perf_counter()
    _chain(first, second, steps)
    return time.perf_counter() - started


@numba.njit
def _chain(first: int, second: int, steps: int) -> int:
    value = first
    for _ in range(steps):
        value = (value + first) ^ second  # two operations, of which each waits for the one before it
    return value
