"""Figs. 2 and 7, reliability, and risk against coverage, drawn as the library's own report draws them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from ckpt_uq.cohort import SCORES
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.io.scores_csv import read_scores
from ckpt_uq.manifest import MANIFEST, read_run
from ckpt_uq.report import figures
from ckpt_uq.report.content import Figure, reliability_figures
from ckpt_uq.report.results import read_results
from kits23.reporting import paper
from kits23.reporting.pictures import SCORE
from kits23.reporting.tables import Measured
from kits23.work import Work

DICE = "kits_dice_kidney_and_mass"


def run_figures(work: Work) -> list[Figure]:
    """Fig. 2 of every training that left a manifest: learning rate, validation score, members."""
    shown = []
    for index, path in enumerate(sorted(work.nnunet_results.rglob(MANIFEST)), start=1):
        run = read_run(path.parent)
        if not run.history:
            continue
        drawing = figures.run_figure(run, f"run-{index}")
        where = path.parent.relative_to(work.nnunet_results).as_posix()
        shown.append(
            Figure(drawing, where, Markup("The {} members are the dots.").format(len(run.members)), wide=True)
        )
    return shown


def scatter_figures(work: Work, measured: list[Measured]) -> list[Figure]:
    """Fig. 7 for every system, and how far the paper's remark about it holds."""
    shown = []
    for one in measured:
        rows = read_scores(work.evaluation / one.system / SCORES)
        points = [
            figures.Point(name, row.get(SCORE, np.nan), row.get(DICE, np.nan)) for name, row in rows.items()
        ]
        known = [point for point in points if np.isfinite(point.x) and np.isfinite(point.y)]
        if len(known) < 2:
            continue
        rho = spearman([point.x for point in known], [point.y for point in known])
        drawing = figures.scatter_figure(
            f"scatter-{one.system}", known, "Contour score, foreground (bits)", "Dice, kidney and masses", rho
        )
        shown.append(Figure(drawing, f"Uncertainty and Dice, {one.title}", _scatter_caption(known, rho)))
    return shown


def _scatter_caption(points: list[figures.Point], rho: float) -> Markup:
    low = [point for point in points if point.x < paper.SCORE_BELOW]
    good = [point for point in low if point.y > paper.DICE_ABOVE]
    remark = (
        f"of {len(low)} cases with a score below {paper.SCORE_BELOW:g}, {len(good)} have it"
        if low
        else f"no case has a score below {paper.SCORE_BELOW:g}"
    )
    said = f"{rho:.2f}".replace("-", "−")
    return Markup(
        "One dot a case ({}), Spearman’s correlation <strong>{}</strong>. The paper says that Dice is above "
        "{} where the score is below {}: {}."
    ).format(len(points), said, f"{paper.DICE_ABOVE:g}", f"{paper.SCORE_BELOW:g}", remark)


def calibration_figures(work: Work, measured: list[Measured]) -> Mapping[str, list[Figure]]:
    """Reliability diagrams by system."""
    shown = {}
    for one in measured:
        results = read_results(work.evaluation / one.system)
        shown[one.title] = reliability_figures(results, f"reliability-{one.system}")
    return {title: figs for title, figs in shown.items() if figs}
