"""Tables of scores, one row a case; an empty cell is a score that the case does not have."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from ckpt_uq.errors import DataError
from ckpt_uq.io.atomic import write_bytes_atomic

Scores = Mapping[str, float | str | None]


def write_scores(path: str | Path, rows: Mapping[str, Scores]) -> None:
    """Write the scores of cases, by name, whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scores.csv"
    >>> write_scores(path, {"a": {"dice": 0.5, "score": None}, "b": {"dice": math.nan, "score": 0.25}})
    >>> read_scores(path)
    {'a': {'dice': 0.5, 'score': nan}, 'b': {'dice': nan, 'score': 0.25}}
    """
    columns = ["case", *dict.fromkeys(column for scores in rows.values() for column in scores)]
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    for name, scores in rows.items():
        writer.writerow({"case": name, **{column: _cell(value) for column, value in scores.items()}})
    write_bytes_atomic(path, table.getvalue().encode())


def read_scores(path: str | Path) -> dict[str, dict[str, float]]:
    """Read the numbers of a table with a column ``case``; a cell that holds none is NaN.

    Columns of text, such as a description, are left out.

    Raises
    ------
    DataError
        The file is missing or no table of cases, or a case comes twice.
    """
    path = Path(path)
    rows: dict[str, dict[str, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            if "case" not in (table.fieldnames or ()):
                raise DataError(f"{path} must have a column 'case', got {table.fieldnames}")
            for row in table:
                if row["case"] in rows:
                    raise DataError(f"{path} must have each case once, got {row['case']} twice")
                rows[row["case"]] = {name: text for name, text in row.items() if name and name != "case"}
    except FileNotFoundError:
        raise DataError(f"path must be a table of scores, found none at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} must be a readable CSV file: {error}") from error
    text = {name for row in rows.values() for name, cell in row.items() if _number(cell) is None}
    return {
        case: {name: _number(cell) or 0.0 for name, cell in row.items() if name not in text}
        for case, row in rows.items()
    }


def _cell(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or math.isnan(value) else repr(float(value))


def _number(cell: str | None) -> float | None:
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        return None
