"""Which epochs are peaks: the best of each annealed cycle, kept if the cycle got better than those before.

A peak is defined on the history of validation scores alone. :func:`select_peaks` reads a whole history;
:class:`PeakSelector` keeps the books epoch by epoch and comes to the same snapshots.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Literal, SupportsFloat

from ckpt_uq.cycles import Cycle, Cycles, as_cycles, cycle_at, integer
from ckpt_uq.errors import ArgumentError

History = Mapping[int, float] | Sequence[float]


@dataclass(frozen=True)
class Snapshot:
    """An epoch whose weights are worth keeping.

    Attributes
    ----------
    epoch : int
        Epoch, from 0.
    score : float
        Its raw validation score.
    cycle : int
        Index of the cycle it lies in.
    """

    epoch: int
    score: float
    cycle: int


@dataclass(frozen=True)
class Peaks:
    """The snapshots of a history.

    Attributes
    ----------
    members : tuple of Snapshot
        Those of the cycles that are over and were kept, by epoch.
    candidates : tuple of Snapshot
        Those that the cycle under way would hold if it were kept, by epoch.
    """

    members: tuple[Snapshot, ...]
    candidates: tuple[Snapshot, ...]


@dataclass(frozen=True)
class Decision:
    """What an epoch changes: save its weights or not, and which older ones to drop afterwards."""

    save: bool
    drop: tuple[Snapshot, ...]


@dataclass(frozen=True)
class PeakRule:
    """When an epoch is a peak.

    Candidates are the ``k`` best finite scores in the window, the last ``window`` of the cycle's length
    (phase >= 1 - window) and always its last epoch; of equal scores the earlier wins. Once the cycle is over
    it is kept if its smoothed peak exceeds that of every earlier kept cycle by more than ``min_gain``. The
    smoothed peak is the best trailing mean, over up to ``smoothing`` finite scores of the same cycle, at an
    epoch in the window: the first epochs after a restart still live on the cycle before.

    Parameters
    ----------
    cycles : Cycles
        The cycles of the schedule. Of a last cycle that the run cuts short, the epochs that reach the window
        count.
    k : int
        Snapshots per cycle.
    window : float
        Share of the cycle, in (0, 1].
    min_gain : float or None
        By how much a cycle must be better to be kept; None keeps every cycle.
    mode : {'max', 'min'}
        Whether a higher or a lower score is better.
    smoothing : int
        Epochs in the trailing mean.
    """

    cycles: Cycles
    k: int = 3
    window: float = 0.5
    min_gain: float | None = 0.0
    mode: Literal["max", "min"] = "max"
    smoothing: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", integer("k", self.k))
        object.__setattr__(self, "smoothing", integer("smoothing", self.smoothing))
        object.__setattr__(self, "window", float(self.window))
        if not 0 < self.window <= 1:
            raise ArgumentError(f"window must be in (0, 1], got {self.window}; 0.5 is the cycle's last half")
        if self.min_gain is not None:
            object.__setattr__(self, "min_gain", float(self.min_gain))
            if not math.isfinite(self.min_gain):
                raise ArgumentError(f"min_gain must be finite, got {self.min_gain}; None keeps every cycle")
        if self.mode not in ("max", "min"):
            raise ArgumentError(f"mode must be 'max' or 'min', got {self.mode!r}")

    def cycle(self, epoch: int) -> Cycle:
        """Return the cycle of an epoch of the run."""
        if self.cycles.end is not None and epoch >= self.cycles.end:
            raise ArgumentError(
                f"epoch must be < {self.cycles.end}, the end of the cycles, got {epoch}; make the selector "
                "anew with a cycle more"
            )
        return cycle_at(epoch, self.cycles)

    def last_epoch(self, cycle: Cycle) -> int:
        """Return the last epoch that the run spends in a cycle."""
        return (cycle.end if self.cycles.end is None else min(cycle.end, self.cycles.end)) - 1

    def window_start(self, cycle: Cycle) -> int:
        """Return the first epoch of a cycle's window."""
        # The fraction that was meant: 0.3 of 10 epochs is 3 of them, though 0.3 is no binary number.
        share = 1 - Fraction(self.window).limit_denominator(10**6)
        return min(cycle.start + math.ceil(share * cycle.length), cycle.end - 1)

    def agrees_until(self, epoch: int, other: PeakRule) -> bool:
        """Say whether two rules put every epoch up to this one into the same cycles, with the same ends."""
        at = 0
        while at <= epoch:
            mine, theirs = cycle_at(at, self.cycles), cycle_at(at, other.cycles)
            ends = self.last_epoch(mine), other.last_epoch(mine)
            if mine != theirs or (min(ends) <= epoch and ends[0] != ends[1]):
                return False
            at = mine.end
        return True

    def best(self, snapshots: Iterable[Snapshot]) -> list[Snapshot]:
        """Return the ``k`` best, the earlier of equal ones first."""
        return sorted(snapshots, key=lambda s: (-self._gain(s.score), s.epoch))[: self.k]

    def smoothed_peak(self, cycle: Cycle, scores: Mapping[int, float]) -> Fraction | None:
        """Return the best trailing mean in a cycle's window, exact, higher is better; None without scores."""
        first, peak = self.window_start(cycle), None
        trail: list[Fraction] = []
        for epoch in sorted(scores):
            if cycle.start <= epoch < cycle.end and math.isfinite(scores[epoch]):
                trail = [*trail, Fraction(self._gain(scores[epoch]))][-self.smoothing :]
                mean = sum(trail, Fraction(0)) / len(trail)
                if epoch >= first and (peak is None or mean > peak):
                    peak = mean
        return peak

    def keeps(self, peak: Fraction | None, earlier: Iterable[Fraction | None]) -> bool:
        """Say whether a cycle of this smoothed peak is kept after the earlier kept ones."""
        bars = [bar for bar in earlier if bar is not None]
        if self.min_gain is None or not bars:
            return True
        return peak is not None and peak > max(bars) + Fraction(self.min_gain)

    def _gain(self, score: float) -> float:
        return score if self.mode == "max" else -score


def select_peaks(
    history: History,
    cycles: Cycles | Sequence[int],
    k: int = 3,
    window: float = 0.5,
    min_gain: float | None = 0.0,
    mode: Literal["max", "min"] = "max",
    smoothing: int = 5,
) -> Peaks:
    """Return the peaks of a finished history; of a cycle still under way, its candidates apart.

    Parameters
    ----------
    history : sequence of float or mapping of int to float
        Scores by epoch. NaN and infinite scores are epochs without a score; a mapping may skip epochs. A
        cycle is over when its last epoch, or one of a later cycle, is in the history.
    cycles, k, window, min_gain, mode, smoothing
        See :class:`PeakRule`.

    Returns
    -------
    Peaks
        Members and candidates.

    Examples
    --------
    >>> history = [0.1, 0.5, 0.6, 0.2, 0.4, 0.5, 0.3, 0.7, 0.9, 0.2]
    >>> [s.epoch for s in select_peaks(history, [3, 3, 3, 3], k=1).members]
    [2, 8]
    """
    rule = PeakRule(as_cycles(cycles), k, window, min_gain, mode, smoothing)
    scores = scores_by_epoch(history)
    members: list[Snapshot] = []
    candidates: list[Snapshot] = []
    kept: list[Fraction | None] = []
    by_cycle = [(cycle, list(epochs)) for cycle, epochs in groupby(sorted(scores), key=rule.cycle)]
    for i, (cycle, epochs) in enumerate(by_cycle):
        in_window = [e for e in epochs if e >= rule.window_start(cycle) and math.isfinite(scores[e])]
        best = rule.best(Snapshot(e, scores[e], cycle.index) for e in in_window)
        peak = rule.smoothed_peak(cycle, {epoch: scores[epoch] for epoch in epochs})
        if i == len(by_cycle) - 1 and epochs[-1] != rule.last_epoch(cycle):
            candidates = best
        elif best and rule.keeps(peak, kept):
            members += best
            kept.append(peak)
    return Peaks(_by_epoch(members), _by_epoch(candidates))


class PeakSelector:
    """The books of :func:`select_peaks`, kept epoch by epoch; it touches no file.

    Parameters
    ----------
    cycles, k, window, min_gain, mode, smoothing
        See :class:`PeakRule`.

    Examples
    --------
    >>> selector = PeakSelector([2, 2], k=1)
    >>> [selector.update(epoch, score).save for epoch, score in enumerate([0.4, 0.5, 0.3, 0.4])]
    [False, True, False, False]
    """

    def __init__(
        self,
        cycles: Cycles | Sequence[int],
        k: int = 3,
        window: float = 0.5,
        min_gain: float | None = 0.0,
        mode: Literal["max", "min"] = "max",
        smoothing: int = 5,
    ) -> None:
        self.rule = PeakRule(as_cycles(cycles), k, window, min_gain, mode, smoothing)
        self.history: dict[int, float] = {}
        self._held: dict[int, Snapshot] = {}
        self._open: Cycle | None = None

    @property
    def last_epoch(self) -> int:
        """The last epoch recorded; -1 before the first."""
        return max(self.history, default=-1)

    @property
    def peaks(self) -> Peaks:
        """The members so far, and the candidates of the cycle under way."""
        under_way = None if self._open is None else self._open.index
        members = [s for s in self._held.values() if s.cycle != under_way]
        return Peaks(_by_epoch(members), _by_epoch(s for s in self._held.values() if s.cycle == under_way))

    def update(self, epoch: int, score: SupportsFloat) -> Decision:
        """Record the score of an epoch and say which weights to save and which to drop.

        Epochs may be skipped, and repeated from an earlier one on: then what was recorded from there is
        forgotten first. Snapshots dropped before do not come back.

        Parameters
        ----------
        epoch : int
            Epoch, from 0.
        score : float
            Validation score; NaN or infinite: none, such an epoch is never saved.
        """
        epoch, value = integer("epoch", epoch, at_least=0), as_score(score)
        cycle = self.rule.cycle(epoch)
        before = dict(self._held)
        self._forget(epoch)
        if self._open is not None and self._open != cycle:
            self._judge(self._open)
        self._open = cycle
        self.history[epoch] = value
        if epoch >= self.rule.window_start(cycle) and math.isfinite(value):
            self._consider(Snapshot(epoch, value, cycle.index))
        if epoch == self.rule.last_epoch(cycle):
            self._judge(cycle)
        return Decision(epoch in self._held, self._dropped(before))

    def rewind(self, epoch: int) -> tuple[Snapshot, ...]:
        """Forget every epoch from ``epoch`` on, as before training that resumes there; say what to drop.

        A cycle that was over and contains the epoch is under way again; snapshots dropped before do not come
        back.
        """
        before = dict(self._held)
        self._forget(integer("epoch", epoch, at_least=0))
        return self._dropped(before)

    def close(self) -> tuple[Snapshot, ...]:
        """End the cycle under way where it stands, as when training stops early; say what to drop.

        A cycle whose last epoch was recorded is over without this. An ``update`` inside the cycle reopens it.
        """
        before = dict(self._held)
        if self._open is not None:
            self._judge(self._open)
        return self._dropped(before)

    def _forget(self, epoch: int) -> None:
        if epoch > self.last_epoch:
            return
        self.history = {e: score for e, score in self.history.items() if e < epoch}
        self._held = {e: snapshot for e, snapshot in self._held.items() if e < epoch}
        self._reopen()

    def _reopen(self) -> None:
        """Take the cycle of the last epoch to be under way, unless that epoch ends it."""
        last = self.last_epoch
        cycle = None if last < 0 else self.rule.cycle(last)
        self._open = None if cycle is None or last == self.rule.last_epoch(cycle) else cycle

    def _consider(self, snapshot: Snapshot) -> None:
        rivals = [s for s in self._held.values() if s.cycle == snapshot.cycle]
        self._hold_only(snapshot.cycle, self.rule.best([*rivals, snapshot]))

    def _judge(self, cycle: Cycle) -> None:
        earlier = {s.cycle: self.rule.cycle(s.epoch) for s in self._held.values() if s.cycle < cycle.index}
        bars = [self.rule.smoothed_peak(kept, self.history) for kept in earlier.values()]
        if not self.rule.keeps(self.rule.smoothed_peak(cycle, self.history), bars):
            self._hold_only(cycle.index, [])
        self._open = None

    def _hold_only(self, cycle: int, snapshots: Iterable[Snapshot]) -> None:
        others = {e: s for e, s in self._held.items() if s.cycle != cycle}
        self._held = {**others, **{s.epoch: s for s in snapshots}}

    def _dropped(self, before: Mapping[int, Snapshot]) -> tuple[Snapshot, ...]:
        return _by_epoch(s for e, s in before.items() if e not in self._held)


def scores_by_epoch(history: History) -> dict[int, float]:
    """Return the scores of a history by epoch, as floats."""
    pairs = history.items() if isinstance(history, Mapping) else enumerate(history)
    return {integer("epoch", epoch, at_least=0): as_score(score) for epoch, score in pairs}


def as_score(score: SupportsFloat) -> float:
    """Return a validation score as a float, or say what it must be."""
    try:
        return float(score)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"score must be a number, got {score!r}; NaN stands for no score") from None


def _by_epoch(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    return tuple(sorted(snapshots, key=lambda s: s.epoch))
