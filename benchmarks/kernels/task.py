"""What a task file holds.

Ways are named by who does the work and take a case; they import what they need and give back the call that is
timed. Whatever turns our arrays into a peer's kind without copying is done before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from case import Case

Array = np.ndarray[Any, Any]
Way = Callable[[Case], Callable[[], Any]]


@dataclass(frozen=True)
class Task:
    """A computation and the ways to do it.

    Attributes
    ----------
    ours, peers : mapping of str to Way
        By name; the first of ours is the one that targets.py is about.
    truth : callable
        The right result in float64 or whole numbers, computed plainly.
    difference : callable
        How far a way's result is from the truth.
    floor : callable
        Arrays that have to be read, and arrays that have to be written, at the least.
    """

    ours: Mapping[str, Way]
    peers: Mapping[str, Way]
    truth: Callable[[Case], Any]
    difference: Callable[[Any, Any], float]
    floor: Callable[[Case], tuple[Sequence[Array], Sequence[Array]]]

    @property
    def ways(self) -> dict[str, Way]:
        """All of them, ours first."""
        return {**self.ours, **self.peers}


def largest_difference(result: Any, truth: Any) -> float:
    """Largest absolute difference between two arrays, or between things that become arrays."""
    found = np.asarray(result, np.float64)
    return float(np.nanmax(np.abs(found - np.asarray(truth)))) if found.size else 0.0
