"""The figures of the report: the run, reliability, uncertainty against Dice, risk against coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ckpt_uq.evaluation.risk_coverage import RiskCoverage
from ckpt_uq.manifest import RunManifest
from ckpt_uq.report.reliability import ReliabilityBars
from ckpt_uq.report.svg import Plot, drawing, element, padded

FEW = 100
"""Voxels in a bin below which its dot is hollow and joined to no other."""

_SIDE = 300.0


@dataclass(frozen=True)
class Point:
    """A case in the scatter: where it is, and the anchor of its pictures if it has any."""

    name: str
    x: float
    y: float
    anchor: str | None = None


def run_figure(run: RunManifest, name: str = "run") -> Markup:
    """Learning rate and validation score over the epochs, beginnings of cycles as lines, members as dots."""
    epochs = [float(entry.epoch) for entry in run.history]
    rates = [math.nan if entry.lr is None else entry.lr for entry in run.history]
    scores = [entry.score for entry in run.history]
    span = (min(epochs), max(max(epochs), min(epochs) + 1) + 0.5)
    upper = Plot(64, 12, 760, 96, span, (0.0, padded(rates)[1]))
    lower = Plot(64, 128, 760, 190, span, padded(scores))
    for start in _restarts(run, span[1]):
        for plot in (upper, lower):
            at = plot.x(start)
            plot.add("line", x1=at, x2=at, y1=plot.top, y2=plot.top + plot.height, class_="restart")
    upper.y_axis("Learning rate", ticks=None)
    upper.x_axis(numbers=False)
    upper.line(epochs, rates, "curve rate")
    lower.y_axis("Validation score")
    lower.x_axis("Epoch (dashed: a cycle begins)")
    lower.line(epochs, scores, "curve score")
    for member in run.members:
        dot = element(
            "title", f"Member: epoch {member.epoch}, cycle {member.cycle + 1}, score {member.score:.4f}"
        )
        lower.add("circle", dot, cx=lower.x(member.epoch), cy=lower.y(member.score), r=4.5, class_="member")
    chosen = ", ".join(str(member.epoch) for member in run.members) or "none"
    n_cycles = len(_restarts(run, span[1])) + 1
    story = f"{len(run.history)} epochs in {n_cycles} cycles; members from epochs {chosen}."
    title = "Learning rate and validation score of the run"
    return drawing(name, title, story, 840, 364, upper.group(), lower.group())


def reliability_figure(name: str, bars: ReliabilityBars, what: str) -> Markup:
    """Accuracy against confidence with intervals over cases; below, where the voxels are."""
    plot = Plot(58, 10, _SIDE, _SIDE, (0.0, 1.0), (0.0, 1.0))
    below = Plot(58, _SIDE + 22, _SIDE, 54, (0.0, 1.0), (0.0, 1.0))
    n_bins = len(bars.share)
    for index, share in enumerate(bars.share):
        left, right = index / n_bins, (index + 1) / n_bins
        height = below.height * float(share)
        said = element("title", f"Confidence {left:.2f} to {right:.2f}: {share:.2%} of the voxels")
        at = {"x": below.x(left) + 1, "y": below.top + below.height - height}
        below.add("rect", said, **at, width=below.width / n_bins - 2, height=height, class_="share")
    plot.y_axis("Accuracy")
    plot.x_axis(numbers=False)
    plot.line((0, 1), (0, 1), "reference")
    filled = np.isfinite(bars.accuracy)
    known, many = np.flatnonzero(filled).tolist(), bars.n_voxels >= FEW
    for index in known:
        x = plot.x(float(bars.confidence[index]))
        low, high = plot.y(float(bars.low[index])), plot.y(float(bars.high[index]))
        plot.add("path", d=f"M{x - 3:.1f} {low:.1f}h6m-3 0V{high:.1f}m-3 0h6", class_="whisker", fill="none")
    plot.line(bars.confidence[filled & many], bars.accuracy[filled & many], "curve ours")
    for index in known:
        x, y = float(bars.confidence[index]), float(bars.accuracy[index])
        said = element(
            "title", f"Confidence {x:.3f}, accuracy {y:.3f} ({bars.low[index]:.3f} to {bars.high[index]:.3f})"
        )
        plot.add("circle", said, cx=plot.x(x), cy=plot.y(y), r=4, class_="dot" if many[index] else "dot few")
    below.y_axis("Voxels", ticks=[0.0, 1.0])
    below.x_axis("Confidence")
    story = (
        f"Accuracy of voxels by confidence, {what}. ECE {100 * bars.ece:.2f} percent, "
        f"95 percent interval {100 * bars.ece_low:.2f} to {100 * bars.ece_high:.2f} over cases."
    )
    return drawing(
        name, f"Reliability diagram, {what}", story, _SIDE + 78, _SIDE + 120, plot.group(), below.group()
    )


def scatter_figure(name: str, points: Sequence[Point], x_label: str, y_label: str, spearman: float) -> Markup:
    """One dot a case; a dot leads to the case's pictures."""
    shown = [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]
    plot = Plot(58, 10, _SIDE + 60, _SIDE, padded([p.x for p in shown]), _unit_range([p.y for p in shown]))
    plot.y_axis(y_label)
    plot.x_axis(x_label)
    for point in shown:
        said = element(
            "title", f"{point.name}: {x_label.lower()} {point.x:.4g}, {y_label.lower()} {point.y:.3f}"
        )
        dot = element("circle", said, cx=plot.x(point.x), cy=plot.y(point.y), r=5, class_="dot case")
        plot.marks.append(dot if point.anchor is None else element("a", dot, href=f"#{point.anchor}"))
    story = f"{len(shown)} cases; Spearman's rank correlation {spearman:.2f}."
    title = f"{y_label} against {x_label.lower()}"
    return drawing(name, title, story, _SIDE + 136, _SIDE + 58, plot.group(), role="group")


def risk_coverage_figure(name: str, curve: RiskCoverage, x_label: str, risk_label: str) -> Markup:
    """Risk of the accepted cases at every coverage, between the best order and none."""
    top = max(curve.random_area, float(curve.risk.max()), float(curve.optimal.max()))
    plot = Plot(58, 10, _SIDE + 60, _SIDE, (0.0, 1.0), (0.0, 1.08 * top or 1.0))
    plot.y_axis(risk_label)
    plot.x_axis(x_label)
    plot.line((0.0, 1.0), (curve.random_area, curve.random_area), "curve random")
    plot.line(curve.coverage, curve.optimal, "curve optimal")
    plot.line(curve.coverage, curve.risk, "curve ours")
    story = (
        f"Area under the curve {curve.area:.4f}; best possible {curve.optimal_area:.4f}; "
        f"at random {curve.random_area:.4f}."
    )
    return drawing(name, "Risk against coverage", story, _SIDE + 136, _SIDE + 58, plot.group())


def _restarts(run: RunManifest, end: float) -> list[int]:
    starts: list[int] = []
    for entry in run.history:
        start = run.rule.cycle(entry.epoch).start
        if 0 < start < end and start not in starts:
            starts.append(start)
    return starts


def _unit_range(values: Sequence[float]) -> tuple[float, float]:
    """A range that does not promise more than 1, or less than 0, where values never are."""
    low, high = padded(values)
    return (max(0.0, low), min(1.02, high)) if all(0 <= value <= 1 for value in values) else (low, high)
