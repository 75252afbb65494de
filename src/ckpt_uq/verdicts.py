"""Why each cycle of a history was kept or not, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Literal

from ckpt_uq.cycles import Cycle
from ckpt_uq.peaks import History, PeakRule, Snapshot, scores_by_epoch

Outcome = Literal["kept", "dropped", "under way"]


@dataclass(frozen=True)
class Verdict:
    """What became of one cycle.

    Attributes
    ----------
    cycle : Cycle
        The cycle.
    window : tuple of int
        First and last epoch among which its snapshots are chosen.
    peaks : tuple of Snapshot
        Its best epochs, whatever became of them, by epoch.
    smoothed : float or None
        Its smoothed peak, in the score's own unit; None without scores.
    bar : float or None
        Best smoothed peak of the cycles kept before; None if there was none.
    outcome : {'kept', 'dropped', 'under way'}
        What became of it.
    reason : str
        Why.
    """

    cycle: Cycle
    window: tuple[int, int]
    peaks: tuple[Snapshot, ...]
    smoothed: float | None
    bar: float | None
    outcome: Outcome
    reason: str


def verdicts(history: History, rule: PeakRule) -> list[Verdict]:
    """Judge the cycles of a history as :func:`~ckpt_uq.peaks.select_peaks` does, and say why.

    Parameters
    ----------
    history : sequence of float or mapping of int to float
        Scores by epoch.
    rule : PeakRule
        Cycles and settings.

    Returns
    -------
    list of Verdict
        One for each cycle with an epoch in the history. The peaks of the kept ones are the members.

    Examples
    --------
    >>> from ckpt_uq.cycles import Cycles
    >>> history = [0.1, 0.5, 0.6, 0.2, 0.4, 0.5, 0.3, 0.7, 0.9]
    >>> for verdict in verdicts(history, PeakRule(Cycles((3, 3, 3)), k=1, smoothing=1)):
    ...     print(verdict.outcome, [s.epoch for s in verdict.peaks], verdict.reason)
    kept [2] no cycle was kept before
    dropped [5] its peak, 0.5, does not exceed 0.6, the best before
    kept [8] its peak, 0.9, exceeds 0.6, the best before
    """
    scores = scores_by_epoch(history)
    judged: list[Verdict] = []
    bars: list[Fraction] = []
    by_cycle = [(cycle, list(epochs)) for cycle, epochs in groupby(sorted(scores), key=rule.cycle)]
    for i, (cycle, epochs) in enumerate(by_cycle):
        own = {epoch: scores[epoch] for epoch in epochs}
        over = i < len(by_cycle) - 1 or epochs[-1] == rule.last_epoch(cycle)
        peak = rule.smoothed_peak(cycle, own)
        verdict = _verdict(rule, cycle, own, peak, bars, over=over)
        judged.append(verdict)
        if verdict.outcome == "kept" and peak is not None:
            bars.append(peak)
    return judged


def _verdict(
    rule: PeakRule,
    cycle: Cycle,
    scores: dict[int, float],
    peak: Fraction | None,
    bars: Sequence[Fraction],
    *,
    over: bool,
) -> Verdict:
    first, last = rule.window_start(cycle), rule.last_epoch(cycle)
    finite = [Snapshot(e, s, cycle.index) for e, s in scores.items() if e >= first and math.isfinite(s)]
    best = tuple(sorted(rule.best(finite), key=lambda snapshot: snapshot.epoch))
    unit = 1 if rule.mode == "max" else -1
    ours, bar = (None if value is None else unit * float(value) for value in (peak, max(bars, default=None)))
    outcome: Outcome = "under way" if not over else "kept" if best and rule.keeps(peak, bars) else "dropped"
    return Verdict(cycle, (first, last), best, ours, bar, outcome, _reason(rule, outcome, best, ours, bar))


def _reason(
    rule: PeakRule, outcome: Outcome, best: Sequence[Snapshot], ours: float | None, bar: float | None
) -> str:
    if outcome == "under way":
        return "it is not over: these are its candidates"
    if not best:
        return "it has no score in its window"
    if rule.min_gain is None:
        return "every cycle is kept"
    if bar is None:
        return "no cycle was kept before"
    better = "exceeds" if rule.mode == "max" else "is below"
    if outcome == "dropped":
        better = "does not exceed" if rule.mode == "max" else "is not below"
    by = f" by more than {rule.min_gain:g}" if rule.min_gain else ""
    return f"its peak, {ours:.6g}, {better} {bar:.6g}, the best before{by and ','}{by}"
