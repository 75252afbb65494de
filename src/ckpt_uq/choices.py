"""Which epochs other checkpoint ensembles take, to compare with the peaks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Literal

from ckpt_uq.cycles import Cycles, as_cycles, integer
from ckpt_uq.errors import ArgumentError
from ckpt_uq.peaks import History, scores_by_epoch


def cycle_ends(cycles: Cycles | Sequence[int]) -> list[int]:
    """Return the last epoch of every cycle that anneals fully: the troughs, one snapshot each [1]_.

    References
    ----------
    .. [1] Huang et al. (2017), Snapshot Ensembles, arXiv:1704.00109.

    Examples
    --------
    >>> cycle_ends([100, 100, 200, 400])
    [99, 199, 399, 799]
    """
    cycles = as_cycles(cycles)
    return [cycle.end - 1 for cycle in cycles if cycles.end is None or cycle.end <= cycles.end]


def last_k_per_cycle(cycles: Cycles | Sequence[int], k: int) -> list[int]:
    """Return the last ``k`` epochs of every cycle that anneals fully, as cyclical samplers do [1]_.

    References
    ----------
    .. [1] Zhao et al. (2022), arXiv:2209.08343.

    Examples
    --------
    >>> last_k_per_cycle([4, 4], k=2)
    [2, 3, 6, 7]
    """
    k = integer("k", k)
    cycles = as_cycles(cycles)
    whole = [cycle for cycle in cycles if cycle.end - 1 in cycle_ends(cycles)]
    return [epoch for cycle in whole for epoch in range(max(cycle.start, cycle.end - k), cycle.end)]


def at_fractions(n_epochs: int, fractions: Iterable[float]) -> list[int]:
    """Return the epochs after which these fractions of a run are done.

    Parameters
    ----------
    n_epochs : int
        Length of the run.
    fractions : iterable of float
        In (0, 1], e.g. 0.6, 0.7, 0.8, 0.9 and 1 for snapshots of one plain training.

    Examples
    --------
    >>> at_fractions(1000, [0.6, 0.7, 0.8, 0.9, 1.0])
    [599, 699, 799, 899, 999]
    """
    n_epochs, fractions = integer("n_epochs", n_epochs), list(fractions)
    if any(not 0 < fraction <= 1 for fraction in fractions):
        raise ArgumentError(f"fractions must be in (0, 1], got {fractions}; 1 is the end of the run")
    exact = [Fraction(fraction).limit_denominator(10**6) for fraction in fractions]
    return [max(math.ceil(fraction * n_epochs), 1) - 1 for fraction in exact]


def top_k(history: History, k: int, mode: Literal["max", "min"] = "max") -> list[int]:
    """Return the ``k`` best epochs of the whole run by finite score, in order of time.

    Of equal scores the earlier epoch wins. This is what trainers without a notion of cycles keep.

    Examples
    --------
    >>> top_k([0.1, 0.5, 0.5, 0.7], k=2)
    [1, 3]
    """
    k = integer("k", k)
    if mode not in ("max", "min"):
        raise ArgumentError(f"mode must be 'max' or 'min', got {mode!r}")
    sign = -1 if mode == "max" else 1
    scores = {epoch: score for epoch, score in scores_by_epoch(history).items() if math.isfinite(score)}
    return sorted(sorted(scores, key=lambda epoch: (sign * scores[epoch], epoch))[:k])
