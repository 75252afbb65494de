"""Calibration without bins: how far the cumulated truth runs away from the cumulated confidence."""

from __future__ import annotations

import numpy as np

from ckpt_uq.calibration.sketch import Bounded, CalibrationSketch, mean_over_rows
from ckpt_uq.kernels.cells import Cells


def ks_error(sketch: CalibrationSketch, *, class_index: int | None = None) -> Bounded:
    r"""Kolmogorov-Smirnov calibration error.

    .. math:: \mathrm{KS} = \max_t \frac1N \Bigl| \sum_{i:\, p_i \le t} (y_i - p_i) \Bigr|

    with :math:`y_i` 1 where the sample was right, else 0.

    Parameters
    ----------
    sketch : CalibrationSketch
        'top_label', or 'class_wise': the mean over the classes that have a sample.
    class_index : int, optional
        For 'class_wise': the error of this class alone.

    Returns
    -------
    Bounded
        Value in [0, 1], the maximum over the borders of the cells, so never above that over all t; NaN if
        nothing was counted.

    References
    ----------
    .. [1] K. Gupta et al. (2021), arXiv:2006.12800.

    Examples
    --------
    >>> sketch = CalibrationSketch()
    >>> sketch.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
    >>> ks_error(sketch)
    Bounded(value=0.25, bound=0.0)
    """
    return mean_over_rows([_of(cells) for cells in sketch.rows(class_index) if cells.counts.sum()])


def _of(cells: Cells) -> Bounded:
    after = np.cumsum(cells.hits - cells.confidence)
    before = np.concatenate([[0.0], after[:-1]])
    value = np.abs(after).max()
    # inside a cell the sum rises at most by all its hits, of the least confidence, before the first miss
    rise = cells.hits * (1 - cells.lowest)
    fall = (cells.counts - cells.hits) * cells.highest
    inside = np.where(cells.lowest == cells.highest, 0.0, np.maximum(before + rise, fall - before))
    n = cells.counts.sum()
    return Bounded(float(value / n), float(max(inside.max() - value, 0.0) / n))
