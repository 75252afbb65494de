"""Learning rate and selection Dice over the epochs, with the checkpoints that were kept."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.axes import Axes

from ckpt_uq.demo.figures.style import ENSEMBLE, QUIET, SINGLE, drawn
from ckpt_uq.manifest import RunManifest, SavedSnapshot

LEAST_ROOM = 0.02


def draw_training(path: Path, run: RunManifest, best: SavedSnapshot) -> None:
    """Draw the run; `best` is the best single checkpoint."""
    with drawn(path, 8.0, 4.6) as figure:
        rate, dice = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
        epochs = [entry.epoch for entry in run.history]
        rate.step(epochs, [entry.lr for entry in run.history], where="mid", color=QUIET)
        rate.set(ylabel="learning rate", ylim=(0, None))
        rate.set_title("Each cycle anneals the learning rate; its best epochs become members")
        _draw_dice(dice, run, best)
        for axes in (rate, dice):
            for cycle in run.rule.cycles:
                axes.axvline(cycle.start - 0.5, color="#c9ccd2", linewidth=0.8, linestyle=(0, (4, 3)))
        dice.set(xlabel="epoch", ylabel="selection Dice", xlim=(-1, len(epochs)))
        figure.align_ylabels()


def _draw_dice(axes: Axes, run: RunManifest, best: SavedSnapshot) -> None:
    axes.grid(axis="y")
    axes.plot(
        [entry.epoch for entry in run.history],
        [entry.score for entry in run.history],
        color=QUIET,
        linewidth=1.3,
    )
    axes.plot(
        [member.epoch for member in run.members],
        [member.score for member in run.members],
        "o",
        color=ENSEMBLE,
        markersize=6,
        label=f"members of the ensemble ({len(run.members)})",
    )
    axes.plot(
        best.epoch,
        best.score,
        "o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=SINGLE,
        markeredgewidth=1.8,
        label=f"best single checkpoint (epoch {best.epoch})",
    )
    axes.set_ylim(bottom=_lowest(run))
    axes.legend(loc="lower right")


def _lowest(run: RunManifest) -> float:
    """Where the axis starts: epochs far below every member would press the members together."""
    members = [member.score for member in run.members]
    room = max(2 * LEAST_ROOM, max(members) - min(members))
    scores = [entry.score for entry in run.history if math.isfinite(entry.score)]
    return max(min(members) - room, min(scores) - LEAST_ROOM)
