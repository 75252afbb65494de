"""What the page says: figures and numbers of a results folder, each only where there are data for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from ckpt_uq.evaluation.risk_coverage import risk_coverage
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.report import figures
from ckpt_uq.report.columns import SINGLE, Quantity, dice_column, quantity
from ckpt_uq.report.reliability import reliability_bars
from ckpt_uq.report.results import CaseResult, Results

_TILES = (
    "dice_mean",
    "ece_percent",
    "ece_roi_percent",
    "nll_roi",
    "uncertainty_dice_spearman",
    "predictive_entropy_bits",
    "mutual_information_bits",
    "rater_disagreement_auroc",
)
CALIBRATED = "_calibrated"
"""Ends the name of what a number is after a temperature for each, where one was fitted."""

_SCOPES = {
    "all": "all voxels",
    "roi": "around the organ",
    "dilated_roi": "around the organ",
    "foreground": "inside the organ",
    "boundary": "along boundaries",
}


@dataclass(frozen=True)
class Comparison:
    """A number of the ensemble, and the same of the best single checkpoint.

    `gain` is ensemble minus single checkpoint, with the ends of its interval over cases.
    """

    value: float
    single: float | None
    gain: tuple[float, float, float] | None


@dataclass(frozen=True)
class Tile:
    """A number of the summary, what it means, and what it is after a temperature for each of the two."""

    quantity: Quantity
    plain: Comparison
    calibrated: Comparison | None


@dataclass(frozen=True)
class Figure:
    """A drawing, what it shows, and how to read it."""

    drawing: Markup
    title: str
    caption: Markup
    wide: bool = False


def tiles(metrics: Mapping[str, Any]) -> list[Tile]:
    """The headline numbers that metrics.json has."""
    found = [(name, _comparison(metrics, name)) for name in _TILES]
    return [
        Tile(_named(name, metrics), plain, _comparison(metrics, name, CALIBRATED))
        for name, plain in found
        if plain is not None
    ]


def _comparison(metrics: Mapping[str, Any], name: str, how: str = "") -> Comparison | None:
    value, single = (_number(metrics, f"{name}{of}{how}") for of in ("", SINGLE))
    return None if value is None else Comparison(value, single, _gain(metrics, name, how))


def _named(name: str, metrics: Mapping[str, Any]) -> Quantity:
    """The quantity, with the class that it is of where metrics.json says so apart from the name."""
    said = quantity(name)
    subject = metrics.get("subject") if name == "uncertainty_dice_spearman" else None
    return replace(said, label=f"{said.label}, {subject}") if subject else said


@dataclass(frozen=True)
class ClassRow:
    """One class in the table of classes; None where there is no number."""

    name: str
    dice: float | None
    single: float | None
    score: float | None
    n_nan: int | None


def class_rows(metrics: Mapping[str, Any], classes: Sequence[str]) -> list[ClassRow]:
    """Dice and contour score of every class that has either; a score may go by the class's number."""
    rows = []
    for label, name in enumerate(classes, start=1):
        score = _of(metrics, "contour_score", name) or _of(metrics, "contour_score", f"class_{label}")
        entry = score if isinstance(score, Mapping) else {"mean": score}
        dice, single = (_finite(_of(metrics, f"dice_per_class{end}", name)) for end in ("", SINGLE))
        n_nan = entry.get("n_nan")
        missing = n_nan if isinstance(n_nan, int) else None
        rows.append(ClassRow(name, dice, single, _finite(entry.get("mean")), missing))
    return [row for row in rows if row.dice is not None or row.score is not None]


def class_names(results: Results) -> list[str]:
    """Foreground classes, label 1 first: as metrics.json names them, or else by number when asked for."""
    named = results.metrics.get("classes") or results.metrics.get("dice_per_class") or []
    return [str(name) for name in named]


def run_figures(results: Results) -> list[Figure]:
    """The training run, if its folder came with the results."""
    if results.run is None or not results.run.history:
        return []
    caption = Markup(
        "Each cycle anneals the learning rate, then restarts it. Dots are the {} checkpoints that were kept: "
        "the best of each cycle’s last part, if the cycle came out better than those before."
    ).format(len(results.run.members))
    return [
        Figure(
            figures.run_figure(results.run),
            "Schedule, validation score and chosen checkpoints",
            caption,
            wide=True,
        )
    ]


def reliability_figures(results: Results, name: str = "reliability") -> list[Figure]:
    """A reliability diagram for each scope; `name` begins the drawings' names, which a page has once."""
    shown = []
    for bins in results.bins:
        bars = reliability_bars(bins)
        what = _SCOPES.get(bins.scope, bins.scope.replace("_", " "))
        caption = Markup(
            "ECE <strong>{:.2f} %</strong> (95 % interval over cases {:.2f}–{:.2f}). On the diagonal, "
            "what is said with 80 % confidence is right 80 % of the time; below it the model is too sure. "
            "Bars: 95 % interval when the {} cases are drawn again. Hollow: fewer than {} "
            "voxels. Below: share of voxels in each bin."
        ).format(100 * bars.ece, 100 * bars.ece_low, 100 * bars.ece_high, len(bins.count), figures.FEW)
        drawing = figures.reliability_figure(f"{name}-{bins.scope}", bars, what)
        shown.append(Figure(drawing, f"Reliability, {what}", caption))
    return shown


def triage_figures(
    cases: Sequence[CaseResult], columns: Sequence[str], by: str, anchors: Mapping[str, str]
) -> list[Figure]:
    """Uncertainty against Dice, and risk against coverage; none without Dice."""
    good = dice_column(columns, by)
    if good is None:
        return []
    x, y = _column(cases, by), _column(cases, good)
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 2:
        return []
    rho = spearman(x[known], y[known])
    said = quantity(by)
    points = [
        figures.Point(case.name, float(one_x), float(one_y), anchors.get(case.name))
        for case, one_x, one_y in zip(cases, x, y, strict=True)
    ]
    label = f"{said.label} ({said.unit})" if said.unit else said.label
    scatter = Figure(
        figures.scatter_figure("scatter", points, label, quantity(good).label, rho),
        "Does uncertainty point to the bad cases?",
        Markup(
            "One dot a case ({}); follow it to the pictures. Spearman’s rank correlation "
            "<strong>{}</strong>: −1 would be a perfect warning, 0 none.{}"
        ).format(int(known.sum()), f"{rho:.2f}".replace("-", "−"), _left_out(len(cases) - int(known.sum()))),
    )
    curve = risk_coverage(risk=1 - y[known], uncertainty=x[known])
    risk = figures.risk_coverage_figure(
        "risk-coverage",
        curve,
        "Share of cases accepted, most certain first",
        "Mean 1 − Dice of those accepted",
    )
    caption = Markup(
        "Area under the curve <strong>{:.3f}</strong>, lower is better; best possible order {:.3f} (dotted), "
        "no order {:.3f} (dashed). Read from the right: what is left of the error when the most uncertain "
        "cases go to a person."
    ).format(curve.area, curve.optimal_area, curve.random_area)
    return [scatter, Figure(risk, "Risk against coverage", caption)]


def _left_out(n: int) -> str:
    return "" if n == 0 else f" {n} without a value {'is' if n == 1 else 'are'} left out."


def _column(cases: Sequence[CaseResult], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([case.scores.get(name, math.nan) for case in cases], np.float64)


def _of(metrics: Mapping[str, Any], name: str, key: str) -> Any:
    table = metrics.get(name)
    return table.get(key) if isinstance(table, Mapping) else None


def _gain(metrics: Mapping[str, Any], name: str, how: str) -> tuple[float, float, float] | None:
    interval = _of(metrics, f"ensemble_minus{SINGLE}{how}", name)
    ends = [_of({"interval": interval}, "interval", end) for end in ("estimate", "low", "high")]
    estimate, low, high = (_finite(end) for end in ends)
    return None if estimate is None or low is None or high is None else (estimate, low, high)


def _number(metrics: Mapping[str, Any], name: str) -> float | None:
    return _finite(metrics.get(name))


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
