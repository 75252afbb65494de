"""What is left of the error when the most uncertain cases go to a person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class RiskCoverage(NamedTuple):
    """The curve and what it is to be compared with; arrays of shape (cases,)."""

    coverage: Floats
    """Share of the cases that are accepted: 1/n, 2/n, ..., 1."""
    risk: Floats
    """Mean risk of the accepted cases, the most certain first."""
    optimal: Floats
    """The same, had the cases been ordered by their true risk."""
    mean_risk: float
    """Risk of all cases; what accepting cases at random gives at every coverage."""

    @property
    def area(self) -> float:
        """Area under the curve (AURC): the mean of `risk` over coverages; lower is better."""
        return float(self.risk.mean())

    @property
    def optimal_area(self) -> float:
        """The lowest area that any order could reach."""
        return float(self.optimal.mean())


def risk_coverage(uncertainty: npt.ArrayLike, risk: npt.ArrayLike) -> RiskCoverage | None:
    """Accept cases from the most certain on, and average the risk of those accepted.

    Parameters
    ----------
    uncertainty, risk : array-like
        One value a case, such as a score and 1 - Dice. Cases where one is NaN are left out. Cases that are
        equally uncertain share their mean risk: their order says nothing.

    Returns
    -------
    RiskCoverage or None
        None with fewer than two cases.

    References
    ----------
    .. [1] Y. Geifman and R. El-Yaniv (2017), arXiv:1705.08500.

    Examples
    --------
    >>> curve = risk_coverage([0.1, 0.9, 0.2, 0.3], [0.0, 0.8, 0.4, 0.0])
    >>> curve.risk.round(2), round(curve.mean_risk, 2)
    (array([0.  , 0.2 , 0.13, 0.3 ]), 0.3)
    """
    score, loss = (np.asarray(values, np.float64) for values in (uncertainty, risk))
    known = np.isfinite(score) & np.isfinite(loss)
    score, loss = score[known], loss[known]
    if len(score) < 2:
        return None
    accepted = np.arange(1, len(score) + 1)
    level = np.unique(score, return_inverse=True)[1]
    shared = np.bincount(level, loss) / np.bincount(level)
    in_order = shared[np.sort(level)]
    return RiskCoverage(
        coverage=accepted / len(score),
        risk=np.cumsum(in_order) / accepted,
        optimal=np.cumsum(np.sort(loss)) / accepted,
        mean_risk=float(loss.mean()),
    )
