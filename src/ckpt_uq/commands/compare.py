"""``ckpt-uq compare``: two methods on the same cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

EPILOG = """Examples:

ckpt-uq compare ours/scores.csv theirs/scores.csv

ckpt-uq compare ours/scores.csv theirs/scores.csv --columns dice_mean --json
"""

_QUALITY = ("dice_", "ece_", "nll", "brier", "surface_dice_", "hd95_mm_", "kits_", "error_auroc_", "rater_")


def compare(
    ours: Annotated[
        Path, typer.Argument(metavar="OURS", help="scores.csv of one method, from ckpt-uq evaluate.")
    ],
    theirs: Annotated[Path, typer.Argument(metavar="THEIRS", help="scores.csv of the other, same cases.")],
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to compare, with commas between; all measures of quality that both have."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two methods case by case: mean difference, its 95 % interval over cases, and paired tests.

    The interval is a bootstrap of cases. The first p-value is of flipping signs of the cases' differences at
    random, the second Wilcoxon's signed ranks. Each column is tested by itself: of many, some differ by
    chance.
    """
    from ckpt_uq.evaluation.comparison import compare_cases
    from ckpt_uq.io.json_file import without_nan
    from ckpt_uq.io.scores_csv import read_scores

    left, right = read_scores(ours), read_scores(theirs)
    found = compare_cases(left, right, columns.split(",") if columns else _shared(left, right))
    plain = {name: {**one._asdict(), "difference": one.difference._asdict()} for name, one in found.items()}
    typer.echo(json.dumps(without_nan(plain), indent=2) if as_json else _text(without_nan(plain)))


def _shared(left: Mapping[str, Mapping[str, float]], right: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = [*left.values(), *right.values()]
    names = [name for name in (rows[0] if rows else {}) if name.startswith(_QUALITY)]
    return [name for name in names if all(name in row for row in rows)]


def _text(plain: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["ours - theirs over cases: mean (95 % interval), p by permutation, p by signed ranks"]
    for name, one in plain.items():
        gap = one["difference"]
        numbers = (one["ours"], one["theirs"], gap["estimate"], gap["low"], gap["high"])
        mine, yours, mean, low, high = map(_number, numbers)
        lines.append(
            f"{name}: {mine} - {yours} = {mean} ({low} to {high}), p {_number(one['permutation_p'])}, "
            f"{_number(one['wilcoxon_p'])}, {gap['n_cases']} cases"
        )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
