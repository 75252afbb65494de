"""From which uncertainty on a case goes to a person."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ckpt_uq.errors import ArgumentError, DataError

_ROUNDING = 1e-12  # the mean of equal losses may exceed them by this much


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and what it rests on.

    Attributes
    ----------
    threshold : float
        Cases with more uncertainty are flagged; minus infinity flags all, plus infinity only those without a
        score.
    risk : float
        The risk that was asked for.
    accepted_risk : float
        Mean loss of the calibration cases that it accepts; NaN if there are none.
    n_accepted, n_calibration : int
        Calibration cases that it accepts, and all that it was chosen on.
    n_left_out : int
        Calibration cases without a loss.
    """

    threshold: float
    risk: float
    accepted_risk: float
    n_accepted: int
    n_calibration: int
    n_left_out: int

    def flags(self, uncertainty: float) -> bool:
        """Whether a case of this uncertainty goes to a person; one without a score (NaN) always does."""
        return not uncertainty <= self.threshold


def operating_point(uncertainty: Iterable[float], loss: Iterable[float], risk: float) -> OperatingPoint:
    r"""Choose the threshold that accepts the most calibration cases at a bearable risk.

    Accepted are the cases of uncertainty <= t; their risk is their mean loss,

    .. math:: R(t) = \frac{\sum_i \ell_i [u_i \le t]}{\sum_i [u_i \le t]}

    and the threshold is the largest u_i of the calibration cases with R(u_i) <= `risk`. Where all of them
    together bear it, that is the largest uncertainty that was seen: nothing is known of cases beyond it.

    Parameters
    ----------
    uncertainty : iterable of float
        One score a calibration case; NaN, a case without a score, is never accepted.
    loss : iterable of float
        What accepting the case costs, such as 1 - Dice, in the same order; NaN: not known, left out.
    risk : float
        Bearable mean loss of the accepted cases.

    Returns
    -------
    OperatingPoint
        It flags every case if no threshold bears the risk.

    Raises
    ------
    ArgumentError
        If the two do not pair up, or `risk` is negative or not finite.
    DataError
        If no case has a loss.

    References
    ----------
    .. [1] R. El-Yaniv and Y. Wiener (2010), JMLR 11, for risk and coverage.

    Examples
    --------
    >>> point = operating_point([0.1, 0.2, 0.3, 0.4], loss=[0.0, 0.1, 0.2, 0.9], risk=0.15)
    >>> point.threshold, point.n_accepted, point.n_calibration
    (0.3, 3, 4)
    >>> point.flags(0.35)
    True
    """
    u, losses = (np.array([float(value) for value in values]) for values in (uncertainty, loss))
    if len(u) != len(losses):
        raise ArgumentError(f"uncertainty and loss must be paired by case, got {len(u)} and {len(losses)}")
    if not (math.isfinite(risk) and risk >= 0):
        raise ArgumentError(f"risk must be a finite number >= 0, got {risk}; 0.1 is a mean Dice of 0.9")
    known = ~np.isnan(losses)
    if not known.any():
        raise DataError(f"calibration cases must have a loss, none of {len(u)} has; evaluate them first")
    n_left_out, u, losses = int((~known).sum()), u[known], losses[known]
    order = np.argsort(u)  # NaN comes last
    ranked = u[order]
    risks = np.cumsum(losses[order]) / np.arange(1, len(u) + 1)
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True)
    within = risks <= risk + _ROUNDING
    bearable = np.flatnonzero(within & last_of_ties & ~np.isnan(ranked))
    if len(bearable) == 0:
        return OperatingPoint(-math.inf, risk, math.nan, 0, len(u), n_left_out)
    at = int(bearable[-1])
    return OperatingPoint(float(ranked[at]), risk, float(risks[at]), at + 1, len(u), n_left_out)


def most_uncertain_first(uncertainty: Mapping[str, float]) -> list[str]:
    """Names of cases, those without a score first, then from the most to the least uncertain.

    Examples
    --------
    >>> most_uncertain_first({"a": 0.5, "b": float("nan"), "c": 0.75})
    ['b', 'c', 'a']
    """
    return sorted(uncertainty, key=lambda name: (not math.isnan(uncertainty[name]), -uncertainty[name], name))
