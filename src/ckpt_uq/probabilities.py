"""What counts as a probability, a label, a mask, and what is said when something does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ckpt_uq.errors import ArgumentError

#: How far the classes' sum may be from 1. Softmax in half precision is no better (bfloat16 has eight
#: significant bits), and its mean, kept in single precision, no better than that: the dtype does not tell.
TOLERANCE = 5e-3

_DTYPES = ("float16", "bfloat16", "float32", "float64")


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


def require_float(probs: Any, name: str = "probs") -> None:
    """Raise ArgumentError if an array's dtype is not a floating-point one that probabilities come in."""
    dtype = dtype_name(probs.dtype)
    if dtype not in _DTYPES:
        raise ArgumentError(
            f"{name} must be of a floating-point dtype ({', '.join(_DTYPES)}), got {dtype}; "
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


def require_unit_interval(seen: ProbRange, name: str = "probs") -> None:
    """Raise ArgumentError if a value was NaN or outside [0, 1]; only above 1 may rounding leave a little."""
    if seen.n_nan:
        raise ArgumentError(
            f"{name} must be numbers, got {seen.n_nan:.0f} NaN; look for an overflow in the model, or for a "
            "division by zero where it normalises"
        )
    if seen.lowest < 0 or seen.highest > 1 + TOLERANCE:
        raise ArgumentError(
            f"{name} must lie in [0, 1], got values in [{seen.lowest:.6g}, {seen.highest:.6g}]; "
            "pass softmax output, not logits"
        )


def require_distribution(seen: ProbRange, axis: int = 0, name: str = "probs") -> None:
    """Raise ArgumentError if what was seen is not one probability distribution over classes per voxel."""
    require_unit_interval(seen, name)
    if seen.lowest_sum < 1 - TOLERANCE or seen.highest_sum > 1 + TOLERANCE:
        raise ArgumentError(
            f"{name} must sum to 1 over axis {axis}, got sums in "
            f"[{seen.lowest_sum:.6g}, {seen.highest_sum:.6g}]; pass softmax output, not logits"
        )


def require_labels(labels: Any, grid: tuple[int, ...], name: str = "labels") -> None:
    """Raise ArgumentError if an array does not hold integers on a grid."""
    integer = dtype_name(labels.dtype).startswith(("int", "uint", "bool"))
    if tuple(labels.shape) != grid or not integer:
        raise ArgumentError(
            f"{name} must be integers on a grid of shape {grid}, got {dtype_name(labels.dtype)} of shape "
            f"{tuple(labels.shape)}"
        )


def require_mask(mask: Any, grid: tuple[int, ...], name: str = "mask") -> None:
    """Raise ArgumentError if an array is not boolean on a grid."""
    if tuple(mask.shape) != grid or dtype_name(mask.dtype) != "bool":
        raise ArgumentError(
            f"{name} must be boolean on a grid of shape {grid}, got {dtype_name(mask.dtype)} of shape "
            f"{tuple(mask.shape)}"
        )


def require_classes(lowest: int, highest: int, n_classes: int, name: str = "labels") -> None:
    """Raise ArgumentError if labels are not all classes; a range upside down means there were none."""
    if lowest <= highest and (lowest < 0 or highest >= n_classes):
        raise ArgumentError(
            f"{name} must lie in [0, {n_classes}), got labels in [{lowest}, {highest}]; replace or mask out "
            "those that mean 'ignore'"
        )
