"""Uncertainty of each case against how good its segmentation is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ckpt_uq.demo.figures.style import ENSEMBLE, SINGLE, drawn
from ckpt_uq.demo.scoring import FOREGROUND, CaseScores

N_NAMED = 3
EDGE = 0.25  # of the axis: names of dots nearer to its end stand to their left


def draw_uncertainty_against_dice(
    path: Path, scores: Sequence[CaseScores], subject: str, spearman: float
) -> None:
    """Draw one dot a case that has both, and name the worst."""
    points = [(case.contour_score[subject], case.dice_of(subject), case.name) for case in scores]
    known = sorted((one for one in points if not math.isnan(one[0] + one[1])), key=lambda one: one[1])
    said = f"{spearman:.2f}".replace("-", "\N{MINUS SIGN}")
    with drawn(path, 6.0, 4.4) as figure:
        axes = figure.subplots()
        axes.grid()
        for some, colour in ((known, ENSEMBLE), (known[:N_NAMED], SINGLE)):
            x, y = [one[0] for one in some], [one[1] for one in some]
            axes.plot(x, y, "o", color=colour, markersize=6.5, markeredgecolor="white")
        axes.margins(0.06)
        left, right = axes.get_xlim()
        for score, dice, name in known[:N_NAMED]:
            shift, side = (-8, "right") if score > right - EDGE * (right - left) else (8, "left")
            label = axes.annotate(name, (score, dice), xytext=(shift, 0), textcoords="offset points")
            label.set(horizontalalignment=side, verticalalignment="center", fontsize=8, color=SINGLE)
        axes.set(
            title=f"Spearman {said} over {len(known)} test cases",
            xlabel=f"contour score, {subject} (bits per contour voxel)",
            ylabel="mean Dice" if subject == FOREGROUND else f"Dice, {subject}",
        )
