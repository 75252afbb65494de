"""Tables with many rows a case."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ckpt_uq.io.atomic import write_bytes_atomic

Cell = str | float | int


def write_rows(path: Path, rows: Sequence[Mapping[str, Cell]], columns: Sequence[str]) -> None:
    r"""Write rows with these columns, whole or not at all; NaN, or what a row lacks, is an empty cell.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.csv"
    >>> write_rows(path, [{"case": "a", "dice": math.nan}, {"case": "b", "dice": 0.5}], ["case", "dice"])
    >>> path.read_text()
    'case,dice\na,\nb,0.5\n'
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    write_bytes_atomic(path, table.getvalue().encode())


def _cell(value: Cell) -> Cell:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return int(value) if value.is_integer() else float(f"{value:.6g}")
    return value
