"""``ckpt-uq quality``: foretell the Dice of new cases from the scores of cases whose Dice is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

EPILOG = """Examples:

ckpt-uq quality calibration/scores.csv new/scores.csv -o foretold.csv

ckpt-uq quality calibration/scores.csv new/scores.csv -o foretold.csv --dice dice_class_2
--features mean_entropy_bits,contour_score_class_2 --save quality.json

Both tables come from ckpt-uq evaluate --metrics scores, or have at least the same scores.
"""

_NO_FEATURES = ("dice_", "ece_", "surface_dice_", "hd95_mm_", "kits_", "error_", "ueo_", "qu_brats_", "near_")
_NOR = ("nll", "brier", "pavpu", "rater_", "boundary_concentration", "expected_")


def quality(
    calibration: Annotated[
        Path, typer.Argument(metavar="CALIBRATION_SCORES", help="scores.csv of cases whose Dice is known.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW_SCORES", help="scores.csv of the cases to foretell.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Gets the new scores and expected_error, a .csv file.")
    ],
    dice: Annotated[str, typer.Option(help="Column of the quality, in [0, 1].")] = "dice_mean",
    features: Annotated[
        str | None, typer.Option(help="Columns to use; all that both tables have and no truth is in.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the regression too, a .json file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit a ridge regression of Dice on scores, and write 1 - Dice as it foretells it for new cases.

    What is printed of its worth is cross-validated: every calibration case is foretold by a model of the
    others. The new column, expected_error, is a score like any other: triage takes it with --score.
    """
    from ckpt_uq.io.scores_csv import read_scores, write_scores
    from ckpt_uq.quality import fit_quality, save_quality
    from ckpt_uq.terminal.options import output_file

    output_file(out, "--out", (".csv",))
    if save is not None:
        output_file(save, "--save", (".json",))
    known, asked = read_scores(calibration), read_scores(new)
    columns = features.split(",") if features else _shared(known, asked)
    fit = fit_quality(known, {name: row.get(dice, float("nan")) for name, row in known.items()}, columns)
    rows = {name: {**row, "expected_error": fit.model.expected_error(row)} for name, row in asked.items()}
    write_scores(out, rows)
    if save is not None:
        save_quality(save, fit.model)
    said: dict[str, Any] = {
        "features": list(fit.model.features),
        "n_cases": fit.n_cases,
        "mean_absolute_error": fit.mean_absolute_error,
        "r2": fit.r2,
        "spearman": fit.spearman,
        "expected_error": {name: row["expected_error"] for name, row in rows.items()},
    }
    if as_json:
        typer.echo(json.dumps(said, indent=2))
        return
    typer.echo(
        f"{dice} from {len(fit.model.features)} scores of {fit.n_cases} cases; foretold by the others it is "
        f"off by {fit.mean_absolute_error:.3g} on average, R2 {fit.r2:.2g}, Spearman {fit.spearman:.2g}"
    )
    typer.echo(f"{len(rows)} cases foretold: {out}")


def _shared(known: dict[str, dict[str, float]], asked: dict[str, dict[str, float]]) -> list[str]:
    """Columns that every row of both tables has, but for those that the truth went into."""
    rows = [*known.values(), *asked.values()]
    names = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
    return [name for name in names if not name.startswith((*_NO_FEATURES, *_NOR))]
