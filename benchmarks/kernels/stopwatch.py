"""Measure several ways side by side, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

Run = Callable[[], Any]


def interleaved(ways: Mapping[str, Run], rounds: int, budget: float) -> dict[str, dict[str, Any]]:
    """Call every way once a round, after one call that does not count.

    A way that has used up `budget` seconds sits out the rounds that remain; it has run at least once.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(rounds):
        for name, run in ways.items():
            if index == 0 or sum(seconds[name]) < budget:
                seconds[name].append(timed(run))
    return {name: summary(values) for name, values in seconds.items()}


def timed(run: Run) -> float:
    """Seconds of one call; garbage is collected before, not during."""
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - started
        del result
    finally:
        gc.enable()
    return seconds


def summary(seconds: list[float]) -> dict[str, Any]:
    """Median and minimum in milliseconds, and the number of calls."""
    return {
        "median_ms": round(1e3 * median(seconds), 3),
        "min_ms": round(1e3 * min(seconds), 3),
        "n": len(seconds),
    }


def load_average() -> float:
    """Processes that wanted to run in the last minute."""
    return round(os.getloadavg()[0], 1)
