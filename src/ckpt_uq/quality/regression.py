"""A linear model of a case's quality: numbers in, one number out; nothing to unpickle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ckpt_uq.errors import ArgumentError


@dataclass(frozen=True)
class QualityRegression:
    r"""Predict a quality from features, clipped to [0, 1].

    .. math:: \hat q = b + \sum_j w_j \frac{x_j - \mu_j}{s_j}

    A feature that a case lacks (NaN) counts as the mean of the calibration cases.

    Parameters
    ----------
    features : tuple of str
        Their names.
    mean, scale, weight : tuple of float
        One a feature.
    intercept : float
        Quality of the average case.

    Examples
    --------
    >>> model = QualityRegression(("entropy",), mean=(0.5,), scale=(0.25,), weight=(-0.125,), intercept=0.75)
    >>> model.quality({"entropy": 0.75}), model.expected_error({"entropy": 0.75})
    (0.625, 0.375)
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def __post_init__(self) -> None:
        lengths = {len(numbers) for numbers in (self.features, self.mean, self.scale, self.weight)}
        if len(lengths) != 1 or not self.features:
            raise ArgumentError(f"features, mean, scale and weight must be equally long, got {lengths}")
        numbers = (*self.mean, *self.scale, *self.weight, self.intercept)
        if not all(math.isfinite(number) for number in numbers) or min(self.scale) <= 0:
            raise ArgumentError(
                f"mean, scale, weight and intercept must be finite and scale positive: {self}"
            )

    def quality(self, row: Mapping[str, float]) -> float:
        """Quality foretold, such as Dice, in [0, 1].

        Raises
        ------
        ArgumentError
            If a feature is not in the row.
        """
        missing = [name for name in self.features if name not in row]
        if missing:
            raise ArgumentError(f"row must have the features {', '.join(missing)}, got {', '.join(row)}")
        total = self.intercept
        for name, mean, scale, weight in zip(self.features, self.mean, self.scale, self.weight, strict=True):
            value = float(row[name])
            total += 0.0 if math.isnan(value) else weight * (value - mean) / scale
        return min(max(total, 0.0), 1.0)

    def expected_error(self, row: Mapping[str, float]) -> float:
        """One minus the quality foretold: a score of uncertainty, higher for less sure."""
        return 1 - self.quality(row)
