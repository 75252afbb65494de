"""What is left of the error when the most uncertain cases go to a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ckpt_uq.evaluation.cases import Floats, known_pairs


class RiskCoverage(NamedTuple):
    """The curve and what it is to be compared with; arrays of shape (cases,)."""

    coverage: Floats
    """Share of the cases that are accepted: 1/n, 2/n, ..., 1."""
    risk: Floats
    """Mean risk of the accepted cases, the most certain first."""
    optimal: Floats
    """The same, had the cases been ordered by their true risk."""

    @property
    def area(self) -> float:
        """Area under the curve (AURC): the mean of `risk` over coverages; NaN without cases."""
        return _mean(self.risk)

    @property
    def optimal_area(self) -> float:
        """The lowest area that any order reaches."""
        return _mean(self.optimal)

    @property
    def random_area(self) -> float:
        """What an order that knows nothing gives on average: the mean risk of all cases."""
        return float(self.risk[-1]) if len(self.risk) else float("nan")


def risk_coverage(*, risk: Iterable[float], uncertainty: Iterable[float]) -> RiskCoverage:
    r"""Accept cases from the most certain on, and average the risk of those accepted.

    .. math:: R(i / n) = \frac1i \sum_{j \le i} r_{(j)}, \qquad u_{(1)} \le u_{(2)} \le \dots

    Parameters
    ----------
    risk : iterable of float
        One value a case, such as 1 - Dice. Cases that lack it or the uncertainty (NaN) are left out.
    uncertainty : iterable of float
        One score a case, higher for less sure. Equally uncertain cases share their mean risk: their order
        says nothing, and this is the average over all of their orders.

    Returns
    -------
    RiskCoverage

    Raises
    ------
    ArgumentError
        If the two do not have the same number of cases.

    References
    ----------
    .. [1] Y. Geifman and R. El-Yaniv (2017), arXiv:1705.08500.

    Examples
    --------
    >>> curve = risk_coverage(risk=[0.0, 0.8, 0.4, 0.0], uncertainty=[0.1, 0.9, 0.2, 0.3])
    >>> curve.risk.round(2), round(curve.random_area, 2)
    (array([0.  , 0.2 , 0.13, 0.3 ]), 0.3)
    """
    loss, score = known_pairs(risk, uncertainty, "risk and uncertainty")
    accepted = np.arange(1, len(score) + 1)
    level = np.unique(score, return_inverse=True)[1]
    shared = np.bincount(level, loss) / np.bincount(level)
    return RiskCoverage(
        coverage=accepted / max(len(score), 1),
        risk=np.cumsum(shared[np.sort(level)]) / accepted,
        optimal=np.cumsum(np.sort(loss)) / accepted,
    )


def aurc(*, risk: Iterable[float], uncertainty: Iterable[float]) -> float:
    """Area under the risk-coverage curve: the mean risk that is left, over all shares of accepted cases.

    Lower is better. It mixes how good the model is with how good its uncertainty is; :func:`e_aurc` and
    :func:`normalised_aurc` tell the second.

    Parameters
    ----------
    risk, uncertainty
        As for :func:`risk_coverage`.

    Returns
    -------
    float
        Between the optimal and the worst order's; NaN without cases.

    References
    ----------
    .. [1] Y. Geifman et al. (2019), arXiv:1805.08206.

    Examples
    --------
    >>> round(aurc(risk=[0.0, 0.8, 0.4, 0.0], uncertainty=[0.1, 0.9, 0.2, 0.3]), 4)
    0.1583
    """
    return risk_coverage(risk=risk, uncertainty=uncertainty).area


def e_aurc(*, risk: Iterable[float], uncertainty: Iterable[float]) -> float:
    """Excess over the area of the best order; 0 is perfect.

    Parameters
    ----------
    risk, uncertainty
        As for :func:`risk_coverage`.

    Returns
    -------
    float
        >= 0; NaN without cases.

    References
    ----------
    .. [1] Y. Geifman et al. (2019), arXiv:1805.08206.

    Examples
    --------
    >>> round(e_aurc(risk=[0.0, 0.8, 0.4, 0.0], uncertainty=[0.1, 0.9, 0.2, 0.3]), 4)
    0.05
    """
    curve = risk_coverage(risk=risk, uncertainty=uncertainty)
    return max(curve.area - curve.optimal_area, 0.0) if len(curve.risk) else float("nan")


def normalised_aurc(*, risk: Iterable[float], uncertainty: Iterable[float]) -> float:
    """Excess area as a share of that of a random order: 0 is perfect, 1 knows nothing, above is misled.

    Parameters
    ----------
    risk, uncertainty
        As for :func:`risk_coverage`.

    Returns
    -------
    float
        >= 0; NaN if all cases have one risk, as then no order is better than another.

    References
    ----------
    .. [1] M. Zenk et al. (2025), Medical Image Analysis 101, arXiv:2406.03323, with both areas beside.

    Examples
    --------
    >>> round(normalised_aurc(risk=[0.0, 0.8, 0.4, 0.0], uncertainty=[0.1, 0.9, 0.2, 0.3]), 4)
    0.2609
    """
    curve = risk_coverage(risk=risk, uncertainty=uncertainty)
    if not len(curve.risk) or curve.optimal[0] == curve.optimal[-1]:
        return float("nan")
    return max(curve.area - curve.optimal_area, 0.0) / (curve.random_area - curve.optimal_area)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
