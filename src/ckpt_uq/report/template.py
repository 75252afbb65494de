"""Fill the page's template with what there is to say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ckpt_uq.report import content, viewer
from ckpt_uq.report.colours import class_colour, css_gradient, entropy_table, mutual_information_table
from ckpt_uq.report.columns import SINGLE, Quantity, in_reading_order, quantity
from ckpt_uq.report.panels import SCALE_BITS
from ckpt_uq.report.provenance import facts_of
from ckpt_uq.report.results import CaseResult, Results
from ckpt_uq.report.settings import Settings, ShownCase
from ckpt_uq.report.tables import measure_tables


def fill(context: dict[str, Any]) -> str:
    """The page, of what :func:`context_of` gives."""
    return _environment().get_template("page.html").render(context)


def context_of(
    results: Results,
    cases: Sequence[CaseResult],
    shown: Sequence[ShownCase],
    by: str | None,
    settings: Settings,
) -> dict[str, Any]:
    """Everything the template asks for."""
    anchors = {one.case.name: one.anchor for one in shown}
    classes = content.class_names(results)
    run, reliability = content.run_figures(results), content.reliability_figures(results)
    triage = content.triage_figures(cases, results.columns, by, anchors) if by else []
    tiles, class_rows = content.tiles(results.metrics), content.class_rows(results.metrics, classes)
    measures = measure_tables(results.metrics)
    columns = [quantity(name) for name in in_reading_order(results.columns, by)]
    found = {
        "summary": ("Summary", tiles or class_rows),
        "run": ("Training run", run),
        "calibration": ("Calibration", reliability),
        "triage": ("Uncertainty and error", triage),
        "measures": ("Measured", measures),
        "cases": ("Cases at a glance", shown),
        "table": ("Table of cases", cases and columns),
        "panels": ("Case by case", shown),
        "definitions": ("Definitions", True),
        "provenance": ("How this page was made", True),
    }
    return {
        "title": str(
            results.metrics.get("title") or results.metrics.get("data") or results.folder.resolve().name
        ),
        "metrics": results.metrics,
        "sections": [(anchor, title) for anchor, (title, there) in found.items() if there],
        "tiles": tiles,
        "class_rows": class_rows,
        "run": run,
        "reliability": reliability,
        "triage": triage,
        "measures": measures,
        "cases": cases,
        "shown": shown,
        "anchors": anchors,
        "columns": columns,
        "case_columns": [one for one in columns if not one.name.endswith(SINGLE)],
        "by": quantity(by) if by else None,
        "quantities": _defined([*(tile.quantity for tile in tiles), *columns]),
        "classes": [(name, class_colour(label)) for label, name in enumerate(classes, start=1)],
        "bars": [
            ("Predictive entropy", css_gradient(entropy_table()), SCALE_BITS["predictive_entropy"]),
            (
                "Mutual information",
                css_gradient(mutual_information_table()),
                SCALE_BITS["mutual_information"],
            ),
        ],
        "viewer": _json(
            {"palette": viewer.palette(classes), "cases": {one.anchor: _viewable(one) for one in shown}}
        ),
        "facts": facts_of(results, settings),
        "with_temperature": any(tile.calibrated for tile in tiles),
        "max_panels": settings.max_panels,
    }


def _viewable(one: ShownCase) -> dict[str, Any]:
    """What the page's script is told of a case; embedded volumes lie in elements of their own."""
    where = {role: None for role in one.volumes} if one.embedded else one.volumes
    return {"name": one.case.name, "volumes": where, "start": one.pictures.number} | one.scene


def _defined(quantities: Iterable[Quantity]) -> list[tuple[str, str]]:
    """Every meaning once, under the names that share it, without the classes they are of."""
    names: dict[str, list[str]] = {}
    for one in quantities:
        known = names.setdefault(one.meaning, []) if one.meaning else []
        name = one.label.partition(",")[0]
        if name not in known:
            known.append(name)
    return [(", ".join(labels), meaning) for meaning, labels in names.items()]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ckpt_uq.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = _static
    environment.filters |= {"figure": _figure_of, "interval": _interval}
    return environment


def _static(name: str) -> Markup:
    return Markup((resources.files("ckpt_uq.report") / "static" / name).read_text(encoding="utf-8"))


def _figure_of(value: float | None, digits: int = 3) -> str:
    """Write a number for a table: so many digits after the point below 100, a dash for none."""
    if value is None or not np.isfinite(value):
        return "–"
    return (f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.1f}").replace("-", "−")


def _interval(gain: tuple[float, float, float], digits: int) -> str:
    """Write a difference and the ends of its interval, with their signs."""
    estimate, low, high = (f"{value:+.{digits}f}".replace("-", "−") for value in gain)
    return f"{estimate} (95 %: {low} to {high})"


def _json(content: Any) -> Markup:
    """JSON inside a script element: no '<' may end it."""
    return Markup(json.dumps(content, allow_nan=False).replace("<", "\\u003c"))
