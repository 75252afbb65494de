"""Uncertainty of each case against how good its segmentation is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ckpt_uq.demo.figures.style import ENSEMBLE, SINGLE, drawn
from ckpt_uq.demo.scoring import FOREGROUND, CaseScores

N_NAMED = 3


def draw_uncertainty_against_dice(path: Path, scores: Sequence[CaseScores], spearman: float) -> None:
    """Draw one dot a case, and name the worst."""
    shown = [case for case in scores if case.contour_score[FOREGROUND] == case.contour_score[FOREGROUND]]
    worst = sorted(shown, key=lambda case: case.dice_mean)[:N_NAMED]
    with drawn(path, 6.0, 4.4) as figure:
        axes = figure.subplots()
        axes.grid()
        for cases, colour in ((shown, ENSEMBLE), (worst, SINGLE)):
            x = [case.contour_score[FOREGROUND] for case in cases]
            axes.plot(
                x,
                [case.dice_mean for case in cases],
                "o",
                color=colour,
                markersize=6,
                markeredgecolor="white",
            )
        for case in worst:
            at = (case.contour_score[FOREGROUND], case.dice_mean)
            axes.annotate(case.name, at, xytext=(6, -3), textcoords="offset points", fontsize=8, color=SINGLE)
        axes.set(
            title=f"{len(shown)} test cases, Spearman {spearman:.2f}",
            xlabel="contour score of the foreground (bits per contour voxel)",
            ylabel="mean Dice",
        )
        axes.margins(x=0.12)
