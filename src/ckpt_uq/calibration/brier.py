"""Squared error of probabilities, and what it is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ckpt_uq.calibration.adaptive import equal_mass
from ckpt_uq.calibration.sketch import CalibrationSketch
from ckpt_uq.errors import ArgumentError


class BrierParts(NamedTuple):
    """Brier = reliability - resolution + uncertainty + within_bins."""

    brier: float
    reliability: float
    """Squared gap between accuracy and confidence; 0 is calibrated, lower is better."""
    resolution: float
    """How far the bins' accuracies lie from the overall one; higher is better."""
    uncertainty: float
    """Variance of the outcome, which no model changes."""
    within_bins: float
    """What is lost or won inside the bins: variance of confidence less twice its covariance with truth."""


def brier(sketch: CalibrationSketch, *, class_index: int | None = None) -> float:
    r"""Mean squared error of the probabilities.

    .. math:: \mathrm{Brier} = \frac1N \sum_i \sum_{k=1}^C (p_{ik} - [y_i = k])^2

    Parameters
    ----------
    sketch : CalibrationSketch
        'class_wise', without threshold: the sum over the classes, in [0, 2]. 'top_label': the squared error
        of the confidence against being right, in [0, 1].
    class_index : int, optional
        For 'class_wise': of this class against all others, in [0, 1].

    Returns
    -------
    float
        Exact (the sketch's cells do not matter); NaN if nothing was counted.

    Raises
    ------
    ArgumentError
        If the sketch has a threshold, since the samples below it would be missing.

    References
    ----------
    .. [1] G. W. Brier (1950), Monthly Weather Review 78(1).

    Examples
    --------
    >>> sketch = CalibrationSketch("class_wise")
    >>> sketch.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
    >>> brier(sketch), brier(sketch, class_index=1)
    (0.625, 0.3125)
    """
    _require_all_samples(sketch)
    rows = [cells for cells in sketch.rows(class_index) if cells.counts.sum()]
    return float(sum(cells.squares.sum() / cells.counts.sum() for cells in rows)) if rows else float("nan")


def brier_decomposition(
    sketch: CalibrationSketch, n_bins: int = 15, *, class_index: int | None = None
) -> BrierParts:
    r"""Murphy's decomposition of the Brier score, over bins of equal mass.

    .. math::
        \mathrm{Brier} =
        \underbrace{\sum_r \tfrac1R (\mathrm{conf}_r - \mathrm{acc}_r)^2}_\mathrm{reliability}
        - \underbrace{\sum_r \tfrac1R (\mathrm{acc}_r - \overline{y})^2}_\mathrm{resolution}
        + \underbrace{\overline{y} (1 - \overline{y})}_\mathrm{uncertainty} + \mathrm{within\ bins}

    Parameters
    ----------
    sketch : CalibrationSketch
        'top_label', or 'class_wise' with a `class_index`.
    n_bins : int
        R, of equal mass as in :func:`~ckpt_uq.calibration.adaptive.ace`.
    class_index : int, optional
        For 'class_wise': which class.

    Returns
    -------
    BrierParts
        All NaN if nothing was counted.

    Raises
    ------
    ArgumentError
        If the sketch has a threshold, or a class-wise one is not asked for a class.

    References
    ----------
    .. [1] A. H. Murphy (1973), Journal of Applied Meteorology 12(4); D. B. Stephenson et al. (2008), Weather
       and Forecasting 23(4), for the part within bins.

    Examples
    --------
    >>> sketch = CalibrationSketch()
    >>> sketch.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
    >>> brier_decomposition(sketch, n_bins=1)
    BrierParts(brier=0.3125, reliability=0.0625, resolution=0.0, uncertainty=0.25, within_bins=0.0)
    """
    _require_all_samples(sketch)
    if sketch.kind == "class_wise" and class_index is None:
        raise ArgumentError("class_index must name a class of a class-wise sketch, got None")
    rows = [cells for cells in sketch.rows(class_index) if cells.counts.sum()]
    if not rows:
        return BrierParts(*[float("nan")] * 5)
    (cells,) = rows
    n, bins = int(cells.counts.sum()), equal_mass(cells, n_bins)
    mass, base = n / n_bins, float(cells.hits.sum() / n)
    reliability = float(np.mean(((bins.confidence - bins.hits) / mass) ** 2))
    resolution = float(np.mean((bins.hits / mass - base) ** 2))
    uncertainty, score = base * (1 - base), float(cells.squares.sum() / n)
    within = score - (reliability - resolution + uncertainty)
    return BrierParts(score, reliability, resolution, uncertainty, within)


def _require_all_samples(sketch: CalibrationSketch) -> None:
    if sketch.threshold:
        raise ArgumentError(
            f"sketch must have no threshold, got {sketch.threshold}; those below it are part of the score"
        )
