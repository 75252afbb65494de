"""How well confidence meets accuracy, and how much of that is owed to the cases that were drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ckpt_uq.report.results import CaseBins, Floats


class ReliabilityBars(NamedTuple):
    """A reliability diagram with its case-bootstrap interval; arrays of shape (bins,)."""

    confidence: Floats
    """Mean confidence; NaN for an empty bin."""
    accuracy: Floats
    """Share of voxels that were right; NaN for an empty bin."""
    low: Floats
    """Lower end of the accuracy's 95 % interval."""
    high: Floats
    """Upper end of the accuracy's 95 % interval."""
    n_voxels: Floats
    """Voxels in the bin."""
    share: Floats
    """Share of all voxels that lie in the bin."""
    ece: float
    """Expected calibration error of the pooled voxels, in [0, 1]."""
    ece_low: float
    """Lower end of its 95 % interval."""
    ece_high: float
    """Upper end of its 95 % interval."""


def reliability_bars(bins: CaseBins, *, n_resamples: int = 1000, seed: int = 0) -> ReliabilityBars:
    """Pool the bins of all cases, and of cases drawn again with replacement.

    Parameters
    ----------
    bins : CaseBins
        One row a case. Whole cases are drawn, since the voxels of one are not independent.
    n_resamples, seed : int
        How often all cases are drawn, and the seed of it.

    Examples
    --------
    >>> right, wrong = [8.0, 2.0], [2.0, 8.0]
    >>> bins = CaseBins(
    ...     "all",
    ...     np.array([right, wrong]),
    ...     np.array([[2.0, 1.5], [0.5, 6.0]]),
    ...     np.array([[4.0, 1.0], [1.0, 4.0]]),
    ... )
    >>> bars = reliability_bars(bins)
    >>> bars.accuracy, bars.confidence, bars.ece
    (array([0.5, 0.5]), array([0.25, 0.75]), 0.25)
    """
    n_cases = len(bins.count)
    times = np.random.default_rng(seed).multinomial(n_cases, np.full(n_cases, 1 / n_cases), size=n_resamples)
    drawn = [times.astype(np.float64) @ table for table in (bins.count, bins.confidence, bins.hits)]
    pooled = [table.sum(axis=0) for table in (bins.count, bins.confidence, bins.hits)]
    low, high = _interval(_ratio(drawn[2], drawn[0]))
    ece_low, ece_high = _interval(_ece(*drawn)[:, None])
    return ReliabilityBars(
        confidence=_ratio(pooled[1], pooled[0]),
        accuracy=_ratio(pooled[2], pooled[0]),
        low=low,
        high=high,
        n_voxels=pooled[0],
        share=pooled[0] / max(1.0, pooled[0].sum()),
        ece=float(_ece(*pooled)),
        ece_low=float(ece_low[0]),
        ece_high=float(ece_high[0]),
    )


def _ece(count: Floats, confidence: Floats, hits: Floats) -> Floats:
    return _ratio(np.abs(hits - confidence).sum(axis=-1), count.sum(axis=-1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(np.asarray(part, np.float64), np.nan), where=whole > 0)


def _interval(values: Floats) -> tuple[Floats, Floats]:
    """The 2.5 % and 97.5 % quantiles of every column, leaving NaN out; NaN for a column without numbers."""
    columns = [column[~np.isnan(column)] for column in values.T]
    quantiles = [
        np.quantile(column, (0.025, 0.975)) if column.size else (np.nan, np.nan) for column in columns
    ]
    low, high = np.array(quantiles, np.float64).T
    return low, high
