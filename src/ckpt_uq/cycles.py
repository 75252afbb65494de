"""Learning-rate cycles, and the SGDR learning rate as a pure function of the training time.

Integers decide the cycle, floats only the phase in it: no logarithm can put a restart into the wrong cycle.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, SupportsIndex

from ckpt_uq.errors import ArgumentError

_FAR_FROM_TROUGH = 0.05  # of the initial rate: a run that ends higher than this never annealed its last cycle


@dataclass(frozen=True)
class Cycle:
    """One stretch of training from a restart (LR max) to the next, annealed on the way.

    Attributes
    ----------
    index : int
        Number of the cycle, from 0.
    start : int
        First epoch.
    length : int
        Number of epochs the annealing takes.
    """

    index: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """Epoch at which the next cycle starts: the trough, one past the last epoch."""
        return self.start + self.length

    def phase(self, t: float) -> float:
        """Fraction of the cycle done at time ``t`` (epochs, fractional allowed), in [0, 1].

        The restart has phase 0 and the last whole epoch (L - 1) / L; from the end on it stays 1.

        Examples
        --------
        >>> Cycle(index=1, start=100, length=100).phase(199)
        0.99
        """
        if t < self.start:
            raise ArgumentError(f"t must be >= {self.start}, the start of cycle {self.index}, got {t}")
        return min(1.0, (t - self.start) / self.length)


@dataclass(frozen=True)
class Cycles:
    """The cycles of a run: integer lengths, open-ended or with a last epoch.

    Built by :func:`geometric_cycles` and :func:`cycles_ending_at`; hashable; a finite one is iterable.

    Attributes
    ----------
    lengths : tuple of int
        Lengths in epochs of the cycles that are written out.
    T_mult : int or None
        Factor by which the cycles after the written ones grow, without end; None: none follow.
    end : int or None
        Epoch at which the run ends. Defaults to the sum of the lengths and may cut the last cycle short; None
        when open-ended.

    Examples
    --------
    >>> [cycle.start for cycle in Cycles((100, 100, 200, 400))]
    [0, 100, 200, 400]
    """

    lengths: tuple[int, ...]
    T_mult: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        lengths = tuple(integer("every cycle length", length) for length in self.lengths)
        if not lengths:
            raise ArgumentError("cycles must hold at least one length, got none; pass e.g. [100, 200]")
        end = None if self.end is None else integer("end", self.end)
        if self.T_mult is not None:
            object.__setattr__(self, "T_mult", integer("T_mult", self.T_mult))
            if end is not None:
                raise ArgumentError(
                    f"cycles with T_mult={self.T_mult} have no end, got end={end}; use until(end)"
                )
        else:
            total = sum(lengths)
            end = total if end is None else end
            if not total - lengths[-1] < end <= total:
                raise ArgumentError(
                    f"end must lie in the last cycle, at most {total}, got {end}; use until(end)"
                )
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "end", end)

    def __iter__(self) -> Iterator[Cycle]:
        if self.end is None:
            raise ArgumentError("open-ended cycles cannot be listed; list cycles.until(n_epochs)")
        ends = accumulate(self.lengths)
        return (Cycle(i, end - n, n) for i, (end, n) in enumerate(zip(ends, self.lengths, strict=True)))

    def until(self, n_epochs: int) -> Cycles:
        """Return the cycles of a run of ``n_epochs`` epochs, the last cut short where the run ends inside it.

        Examples
        --------
        >>> geometric_cycles(100, 2).until(800)
        Cycles(lengths=(100, 200, 400, 800), T_mult=None, end=800)
        """
        n_epochs = integer("n_epochs", n_epochs)
        if self.end is not None and n_epochs > self.end:
            raise ArgumentError(
                f"n_epochs must be <= {self.end}, the end of the cycles, got {n_epochs}; add a cycle"
            )
        lengths, start = [], 0
        while start < n_epochs:
            lengths.append(cycle_at(start, self).length)
            start += lengths[-1]
        return Cycles(tuple(lengths), end=n_epochs)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and integers, as written into manifests and scheduler states."""
        return {"lengths": list(self.lengths), "T_mult": self.T_mult, "end": self.end}

    @classmethod
    def from_json(cls, data: Any) -> Cycles:
        """Return the cycles that :meth:`to_json` wrote; a damaged mapping is an :class:`ArgumentError`."""
        try:
            return cls(tuple(data["lengths"]), data["T_mult"], data["end"])
        except (KeyError, TypeError):
            raise ArgumentError(f"cycles must map lengths, T_mult and end, got {data!r}") from None


def geometric_cycles(T_0: int, T_mult: int = 1, n_cycles: int | None = None) -> Cycles:
    r"""Cycles whose *lengths* grow geometrically, :math:`T_i = T_0 T_{mult}^i`, as SGDR [1]_ defines them.

    Parameters
    ----------
    T_0 : int
        Length of the first cycle in epochs.
    T_mult : int
        Factor from one cycle to the next, any integer >= 1.
    n_cycles : int, optional
        Number of cycles; None: open-ended.

    References
    ----------
    .. [1] Loshchilov & Hutter (2017), arXiv:1608.03983.

    Examples
    --------
    >>> geometric_cycles(100, 2, n_cycles=3).lengths
    (100, 200, 400)
    """
    T_0, T_mult = integer("T_0", T_0), integer("T_mult", T_mult)
    if n_cycles is None:
        return Cycles((T_0,), T_mult)
    return Cycles(tuple(T_0 * T_mult**i for i in range(integer("n_cycles", n_cycles))))


def cycles_ending_at(epochs: Sequence[int]) -> Cycles:
    """Cycles given by the epochs at which they end, the last being the end of the run.

    Examples
    --------
    >>> cycles_ending_at([100, 200, 400, 800]).lengths
    (100, 100, 200, 400)
    """
    ends = [0, *(integer("every cycle end", epoch) for epoch in epochs)]
    if any(a >= b for a, b in pairwise(ends)):
        raise ArgumentError(f"cycle ends must increase, got {ends[1:]}; sort them and drop repetitions")
    return Cycles(tuple(b - a for a, b in pairwise(ends)))


def cycle_at(epoch: float, cycles: Cycles | Sequence[int]) -> Cycle:
    """Return the cycle that an epoch lies in; past the end it is the last cycle.

    Parameters
    ----------
    epoch : int or float
        Training time in epochs, >= 0; fractional inside an epoch.
    cycles : Cycles or sequence of int
        The cycles, or the lengths of finite ones.

    Examples
    --------
    >>> cycle_at(243, geometric_cycles(81, 3))
    Cycle(index=1, start=81, length=243)
    """
    cycles = as_cycles(cycles)
    whole = math.floor(training_time("epoch", epoch))
    ends = list(accumulate(cycles.lengths))
    if whole < ends[-1] or cycles.T_mult is None:
        i = min(bisect_right(ends, whole), len(ends) - 1)
        return Cycle(i, ends[i] - cycles.lengths[i], cycles.lengths[i])
    index, start, length = len(ends), ends[-1], cycles.lengths[-1] * cycles.T_mult
    if cycles.T_mult == 1:
        done = (whole - start) // length
        return Cycle(index + done, start + done * length, length)
    while whole >= start + length:
        index, start, length = index + 1, start + length, length * cycles.T_mult
    return Cycle(index, start, length)


def sgdr_lr(t: float, cycles: Cycles | Sequence[int], eta_max: float, eta_min: float = 0.0) -> float:
    r"""Learning rate at time ``t``, annealed by a cosine from each restart to the next.

    .. math:: \eta = \eta_{min} + \tfrac12 (\eta_{max} - \eta_{min}) (1 + \cos \pi\varphi)

    with the phase :math:`\varphi = (t - start) / length` of the cycle that ``t`` lies in. It is exactly
    ``eta_max`` at every restart and exactly ``eta_min`` from the end of finite cycles on.

    Parameters
    ----------
    t : int or float
        Training time in epochs, >= 0; ``epoch + batch / n_batches`` inside an epoch.
    cycles : Cycles or sequence of int
        The cycles, or the lengths of finite ones.
    eta_max, eta_min : float
        Learning rate at a restart and at a trough, 0 <= eta_min <= eta_max.

    References
    ----------
    .. [1] Loshchilov & Hutter (2017), arXiv:1608.03983, Eq. 5.

    Examples
    --------
    >>> sgdr_lr(200, PAPER_CYCLES, eta_max=0.1, eta_min=1e-4)
    0.1
    >>> round(sgdr_lr(300, PAPER_CYCLES, eta_max=0.1, eta_min=1e-4), 5)
    0.05005
    """
    if not (math.isfinite(eta_max) and 0 <= eta_min <= eta_max):
        raise ArgumentError(
            f"eta_min must lie in 0..eta_max, got eta_min={eta_min} with eta_max={eta_max}; "
            "lower eta_min or raise the learning rate (of that parameter group)"
        )
    cycles = as_cycles(cycles)
    t = training_time("t", t)
    if cycles.end is not None and t >= cycles.end:
        return float(eta_min)
    half_angle = math.pi / 2 * cycle_at(t, cycles).phase(t)
    # (1 + cos x) / 2 as cos^2(x/2) cancels nothing near the trough, and hits eta_max exactly at the restart.
    lr = eta_max * math.cos(half_angle) ** 2 + eta_min * math.sin(half_angle) ** 2
    return min(max(lr, float(eta_min)), float(eta_max))


def far_from_trough(cycles: Cycles) -> str | None:
    """Say how a run that ends far from a trough does so, and the remedy; None when it does not.

    Far is a learning rate above 5 % of the initial one at the last epoch of a cycle that is cut short.

    Examples
    --------
    >>> far_from_trough(PAPER_CYCLES)
    >>> far_from_trough(geometric_cycles(100, 2).until(800)).split(";")[0]
    'the run ends at epoch 800, but its last cycle anneals until 1500: epoch 799 still has 96% of the learning
     rate, far from a trough'
    """
    if cycles.end is None or cycles.end == sum(cycles.lengths):
        return None
    last = cycles.end - 1
    height = sgdr_lr(last, cycles, eta_max=1.0)
    if height <= _FAR_FROM_TROUGH:
        return None
    return (
        f"the run ends at epoch {cycles.end}, but its last cycle anneals until {sum(cycles.lengths)}: "
        f"epoch {last} still has {height:.0%} of the learning rate, far from a trough; "
        f"pass cycles=cycles_ending_at([..., {cycles.end}]) so that the last cycle ends with the run"
    )


def as_cycles(cycles: Cycles | Sequence[int]) -> Cycles:
    """Return cycles as they are, and a sequence of lengths as finite cycles."""
    if isinstance(cycles, Cycles):
        return cycles
    try:
        return Cycles(tuple(cycles))
    except TypeError:
        raise ArgumentError(f"cycles must be Cycles or a sequence of lengths, got {cycles!r}") from None


def integer(name: str, value: SupportsIndex, at_least: int = 1) -> int:
    """Return ``value`` as an int, or say what ``name`` must be."""
    try:
        number = int(operator.index(value))
    except TypeError:
        number = at_least - 1
    if number < at_least:
        raise ArgumentError(f"{name} must be an integer >= {at_least}, got {value!r}")
    return number


def training_time(name: str, t: float) -> float:
    """Return ``t`` as an int where it is whole, else as a float, or say what ``name`` must be."""
    try:
        finite = math.isfinite(t) and t >= 0
    except TypeError:
        finite = False
    if not finite:
        raise ArgumentError(f"{name} must be a finite number >= 0 of epochs, got {t!r}")
    whole = math.floor(t)
    return whole if whole == t else float(t)


PAPER_CYCLES = cycles_ending_at([100, 200, 400, 800])
PAPER_ETA_MAX = 0.1
PAPER_ETA_MIN = 1e-4
