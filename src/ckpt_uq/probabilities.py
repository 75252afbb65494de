"""What counts as a probability, and what is said when something does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.errors import ArgumentError

#: Softmax in half precision sums to 1 only this well: bfloat16 has eight significant bits.
HALF_TOLERANCE = 5e-3
#: The same in single precision and better, after averaging and resampling.
TOLERANCE = 1e-3

_HALF = ("float16", "bfloat16")
_FULL = ("float32", "float64")


class ProbRange(NamedTuple):
    """The range of the values, and of their sums over classes, that were seen."""

    lowest: float = math.inf
    highest: float = -math.inf
    lowest_sum: float = math.inf
    highest_sum: float = -math.inf
    n_nan: float = 0

    @classmethod
    def over(cls, parts: Sequence[ProbRange]) -> ProbRange:
        """The range seen by all the parts together."""
        every = (cls(), *parts)
        return cls(
            min(part.lowest for part in every),
            max(part.highest for part in every),
            min(part.lowest_sum for part in every),
            max(part.highest_sum for part in every),
            sum(part.n_nan for part in every),
        )


def tolerance_of(probs: Any, name: str = "probs") -> float:
    """How far sums of probabilities of this array's dtype may be from 1.

    Raises
    ------
    ArgumentError
        If the dtype is not a floating-point one that holds probabilities.
    """
    dtype = dtype_name(probs.dtype)
    if dtype in _HALF:
        return HALF_TOLERANCE
    if dtype in _FULL:
        return TOLERANCE
    raise ArgumentError(
        f"{name} must be of a floating-point dtype ({', '.join(_HALF + _FULL)}), got {dtype}; "
        "pass softmax output, not labels"
    )


def dtype_name(dtype: Any) -> str:
    """Name a dtype without its library and its byte order: 'float32' for NumPy, torch and the others."""
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


def max_entropy_bits(n_classes: int, dtype: str) -> float:
    """Largest value of a floating-point dtype that does not exceed log2 C, the entropy of total ignorance."""
    bound = math.log2(n_classes)
    if dtype == "float64":
        return bound
    nearest = np.float32(bound)
    return float(nearest if float(nearest) <= bound else np.nextafter(nearest, np.float32(0)))


def require_unit_interval(seen: ProbRange, tolerance: float, name: str = "probs") -> None:
    """Raise ArgumentError if a value was NaN or outside [0, 1]; only above 1 may rounding leave a little."""
    if seen.n_nan:
        raise ArgumentError(
            f"{name} must be numbers, got {seen.n_nan:.0f} NaN; look for an overflow in the model, or for a "
            "division by zero where it normalises"
        )
    if seen.lowest < 0 or seen.highest > 1 + tolerance:
        raise ArgumentError(
            f"{name} must lie in [0, 1], got values in [{seen.lowest:.6g}, {seen.highest:.6g}]; "
            "pass softmax output, not logits"
        )


def require_distribution(seen: ProbRange, tolerance: float, axis: int = 0, name: str = "probs") -> None:
    """Raise ArgumentError if what was seen is not one probability distribution over classes per voxel."""
    require_unit_interval(seen, tolerance, name)
    if seen.lowest_sum < 1 - tolerance or seen.highest_sum > 1 + tolerance:
        raise ArgumentError(
            f"{name} must sum to 1 over axis {axis}, got sums in "
            f"[{seen.lowest_sum:.6g}, {seen.highest_sum:.6g}]; pass softmax output, not logits"
        )
