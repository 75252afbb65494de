"""What a run will do, cycle by cycle, before it is started: epochs, learning rates, snapshots."""

from __future__ import annotations

from dataclasses import dataclass

from ckpt_uq.cycles import Cycle, sgdr_lr
from ckpt_uq.peaks import PeakRule


@dataclass(frozen=True)
class PlannedCycle:
    """One cycle of a run to come.

    Attributes
    ----------
    cycle : Cycle
        Its index, start and length.
    last_epoch : int
        The last epoch that the run spends in it.
    lr_first, lr_last : float
        Learning rate in its first and in its last epoch.
    window_start : int
        First epoch whose weights may be kept; later than `last_epoch` if the run ends before.
    n_snapshots : int
        Most snapshots that the cycle leaves.
    """

    cycle: Cycle
    last_epoch: int
    lr_first: float
    lr_last: float
    window_start: int
    n_snapshots: int


def planned_cycles(rule: PeakRule, eta_max: float, eta_min: float) -> list[PlannedCycle]:
    """List the cycles of a run under a rule of selection; they must have an end.

    Examples
    --------
    >>> from ckpt_uq.cycles import PAPER_CYCLES
    >>> for planned in planned_cycles(PeakRule(PAPER_CYCLES), eta_max=0.1, eta_min=1e-4):
    ...     print(planned.cycle.start, planned.last_epoch, planned.window_start, planned.n_snapshots)
    0 99 50 3
    100 199 150 3
    200 399 300 3
    400 799 600 3
    """
    planned = []
    for cycle in rule.cycles:
        last, first_kept = rule.last_epoch(cycle), rule.window_start(cycle)
        planned.append(
            PlannedCycle(
                cycle,
                last,
                sgdr_lr(cycle.start, rule.cycles, eta_max, eta_min),
                sgdr_lr(last, rule.cycles, eta_max, eta_min),
                first_kept,
                min(rule.k, max(0, last + 1 - first_kept)),
            )
        )
    return planned


def most_snapshots(planned: list[PlannedCycle]) -> int:
    """Most snapshots that ever lie on the disk: those of all cycles and the one being written.

    Examples
    --------
    >>> from ckpt_uq.cycles import PAPER_CYCLES
    >>> most_snapshots(planned_cycles(PeakRule(PAPER_CYCLES, k=3), eta_max=0.1, eta_min=0))
    13
    """
    return sum(cycle.n_snapshots for cycle in planned) + 1
