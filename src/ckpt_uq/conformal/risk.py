"""How cautious a contour must be for its expected loss to stay below what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.errors import ArgumentError, DataError


def control_risk(losses: Any, lambdas: Any, alpha: float) -> float:
    r"""Smallest lambda whose expected loss on a new case is guaranteed not to exceed alpha.

    .. math::
        \hat\lambda = \min \Bigl\{ \lambda :
        \tfrac{n}{n+1} \hat R(\lambda) + \tfrac{1}{n+1} \le \alpha \Bigr\},
        \qquad \hat R(\lambda) = \tfrac1n \sum_{i=1}^n L_i(\lambda)

    If the n calibration cases and the new one are exchangeable, and the model has seen none of them,
    :math:`E[L_{n+1}(\hat\lambda)] \le \alpha`: on average over draws of calibration cases and new cases, not
    for every one of them. Do it for each class by itself.

    Parameters
    ----------
    losses : array
        Shape (n_cases, n_lambdas), in [0, 1], never rising with lambda, one row a case, as of
        :func:`~ckpt_uq.conformal.losses.missed_voxels`. Rows of NaN (the case has none of the class) are left
        out: the guarantee is then for cases that have it.
    lambdas : array
        Rising; infinity is allowed.
    alpha : float
        In (0, 1): the loss that is accepted, on average.

    Returns
    -------
    float
        One of `lambdas`.

    Raises
    ------
    DataError
        If no lambda will do: with fewer than 1/alpha - 1 cases none ever does.
    ArgumentError
        If shapes do not fit, or losses leave [0, 1] or rise.

    References
    ----------
    .. [1] A. N. Angelopoulos et al. (2024), Conformal risk control, arXiv:2208.02814.

    Examples
    --------
    >>> losses = [[0.5, 0.0, 0.0], [0.75, 0.25, 0.0], [0.25, 0.0, 0.0]]
    >>> control_risk(losses, [0.0, 1.0, 2.0], alpha=0.4)  # (0.25 + 1) / 4 = 0.3125, and (1.5 + 1) / 4 > 0.4
    1.0
    """
    table, steps = np.asarray(losses, np.float64), np.asarray(lambdas, np.float64)
    if not 0 < alpha < 1:
        raise ArgumentError(f"alpha must lie in (0, 1), got {alpha}; 10 % is 0.1")
    if table.ndim != 2 or steps.ndim != 1 or table.shape[1] != len(steps) or not (np.diff(steps) > 0).all():
        raise ArgumentError(
            f"losses must have shape (n_cases, n_lambdas) for rising lambdas, got {table.shape} and "
            f"{steps.shape}"
        )
    known = table[~np.isnan(table).all(axis=1)]
    if not ((known >= 0) & (known <= 1)).all() or (np.diff(known, axis=1) > 0).any():
        raise ArgumentError("losses must lie in [0, 1] and never rise with lambda; a case has a row, or NaN")
    n = len(known)
    enough = (known.sum(axis=0) + 1) / (n + 1) <= alpha
    if not enough.any():
        raise DataError(
            f"no lambda keeps the loss below alpha = {alpha} with {n} cases; at least "
            f"{int(np.ceil(1 / alpha)) - 1} are needed, and lambdas that reach a loss of 0"
        )
    return float(steps[enough.argmax()])
