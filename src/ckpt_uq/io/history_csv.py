"""Validation scores by epoch, from a table that any training writes."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from ckpt_uq.errors import DataError


def read_history(path: str | Path) -> dict[int, float]:
    r"""Read a CSV file with the columns ``epoch`` and ``score``; others are passed over.

    An empty score is an epoch without one. Where an epoch comes again, the training was resumed there: what
    was read of it and of later epochs is forgotten.

    Returns
    -------
    dict of int to float
        Scores by epoch, NaN where there is none.

    Raises
    ------
    DataError
        The file is missing, has not these columns, or a row makes no sense.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "history.csv"
    >>> _ = path.write_text("epoch,loss,score\n0,1.5,0.25\n1,1.2,\n")
    >>> read_history(path)
    {0: 0.25, 1: nan}
    """
    path = Path(path)
    history: dict[int, float] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"epoch", "score"} <= set(rows.fieldnames or ()):
                raise DataError(f"{path} must have the columns epoch and score, got {rows.fieldnames}")
            for row in rows:
                epoch, score = _parsed(path, rows.line_num, row["epoch"], row["score"])
                if epoch in history:
                    history = {e: s for e, s in history.items() if e < epoch}
                history[epoch] = score
    except FileNotFoundError:
        raise DataError(f"path must be a CSV file of epoch,score, found none at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} must be a readable CSV file: {error}") from error
    if not history:
        raise DataError(f"{path} must hold at least one epoch, it has none")
    return history


def _parsed(path: Path, line: int, epoch: str | None, score: str | None) -> tuple[int, float]:
    try:
        number = int(epoch or "")
        if number >= 0:
            return number, float(score) if score and score.strip() else math.nan
    except ValueError:
        pass
    raise DataError(
        f"{path}, line {line}: epoch must be an integer >= 0 and score a number, got {epoch!r} and {score!r}"
    )
