"""The tables that ``ckpt-uq evaluate --metrics`` leaves in metrics.json, each with what its numbers mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ckpt_uq.report.columns import Quantity, quantity

TITLES = {
    "calibration_errors": "Calibration errors",
    "region_calibration": "Calibration errors of regions",
    "failure_detection": "Does uncertainty find the cases that failed?",
    "ood_detection": "Does uncertainty find cases from elsewhere?",
    "surface": "Surfaces",
    "kits": "Regions of KiTS23",
    "voxel_errors": "Does uncertainty find the wrong voxels?",
    "raters": "Does uncertainty find disagreement?",
    "scores": "Scores of uncertainty",
}
"""By their keys in metrics.json, in the order in which they are shown."""

_BOUND = "_bound"


@dataclass(frozen=True)
class MeasureTable:
    """A table, how it was made, and what its columns are.

    Attributes
    ----------
    title, what : str
        Its heading, and a sentence on its making.
    columns : tuple of Quantity
        Those that any row has.
    rows : tuple of (str, tuple of str)
        Names, and cells as text.
    meanings : tuple of (str, str)
        Labels and definitions of the columns.
    """

    title: str
    what: str
    columns: tuple[Quantity, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    meanings: tuple[tuple[str, str], ...]


def measure_tables(metrics: Mapping[str, Any]) -> list[MeasureTable]:
    """Every known table of metrics.json that has rows.

    Examples
    --------
    >>> metrics = {"surface": {"what": "", "rows": {"tumour": {"hd95_mm": 2.5}}}}
    >>> [(table.title, table.rows) for table in measure_tables(metrics)]
    [('Surfaces', (('tumour', ('2.50',)),))]
    """
    found = [(title, metrics.get(key)) for key, title in TITLES.items()]
    return [
        _table(title, group)
        for title, group in found
        if isinstance(group, Mapping) and isinstance(group.get("rows"), Mapping) and group["rows"]
    ]


def _table(title: str, group: Mapping[str, Any]) -> MeasureTable:
    rows = {str(name): row for name, row in group["rows"].items() if isinstance(row, Mapping)}
    names = dict.fromkeys(name for row in rows.values() for name in row if not name.endswith(_BOUND))
    columns = tuple(quantity(name) for name in names)
    cells = tuple(
        (name.replace("_", " "), tuple(cell(row, column.name) for column in columns))
        for name, row in rows.items()
    )
    meanings = tuple((one.label, _meaning(one)) for one in columns if one.meaning)
    return MeasureTable(title, str(group.get("what", "")), columns, cells, meanings)


def _meaning(one: Quantity) -> str:
    return f"{one.meaning} {one.better.capitalize()} is better." if one.better else one.meaning


def cell(row: Mapping[str, Any], name: str) -> str:
    """A number as text, with its interval or the bound of its error where the row has one.

    Examples
    --------
    >>> row = {"ece": {"estimate": 8.01, "low": 4.39, "high": 11.6}, "ace": 7.99, "ace_bound": 0.1, "n": 12}
    >>> cell(row, "ece"), cell(row, "ace"), cell(row, "n"), cell(row, "hd95")
    ('8.01 (4.39 to 11.6)', '7.99 ± 0.100', '12', '–')
    """
    value = row.get(name)
    if isinstance(value, Mapping):
        text = _text(value.get("estimate"))
        ends = [_text(value.get(end)) for end in ("low", "high")]
        return text if "–" in ends or text == "–" else f"{text} ({ends[0]} to {ends[1]})"
    bound = row.get(f"{name}{_BOUND}")
    text = _text(value)
    return f"{text} ± {_text(bound)}" if isinstance(bound, float) and bound > 0 else text


def _text(value: Any) -> str:
    """Three digits that matter."""
    if isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    if isinstance(value, int) or value == 0:
        return f"{int(value):,}".replace(",", "\u202f")
    value = float(f"{value:.3g}")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}".replace("-", "−")
