"""``ckpt-uq triage``: which cases go to a person."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ckpt_uq.evaluation.operating_point import OperatingPoint

    Table = Mapping[str, Mapping[str, float]]

EPILOG = """Examples:

ckpt-uq triage calibration/scores.csv new/scores.csv --risk 0.1

ckpt-uq triage calibration/scores.csv new/scores.csv --risk 0.15 --score contour_score_class_2
--dice dice_class_2 -o flagged.csv

Both tables come from ckpt-uq predict or combine; that of the calibration cases then from ckpt-uq evaluate,
which adds Dice.
"""


def triage(
    calibration: Annotated[
        Path, typer.Argument(metavar="CALIBRATION_SCORES", help="scores.csv of cases whose Dice is known.")
    ],
    test: Annotated[Path, typer.Argument(metavar="TEST_SCORES", help="scores.csv of the cases to triage.")],
    risk: Annotated[
        float,
        typer.Option(min=0, help="Bearable mean of 1 - Dice over the cases that nobody looks at, as 0.1."),
    ],
    score: Annotated[
        str | None,
        typer.Option(help="Column of the uncertainty; the first contour score, or else mean_entropy_bits."),
    ] = None,
    dice: Annotated[str, typer.Option(help="Column of the quality, 1 at best.")] = "dice_mean",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the list too: flagged.csv or flagged.json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose a threshold of uncertainty on calibration cases, and flag the test cases above it, worst first.

    The threshold accepts as many calibration cases as it can while the mean of 1 - Dice over those it accepts
    is at most the risk. A case without a score, as of an empty segmentation, is always flagged.
    """
    from ckpt_uq.evaluation.operating_point import most_uncertain_first, operating_point
    from ckpt_uq.io.scores_csv import read_scores
    from ckpt_uq.terminal.options import output_file

    if out is not None:
        output_file(out, "--out", (".csv", ".json"))
    known, asked = read_scores(calibration), read_scores(test)
    _require_apart(known, asked)
    column = score or _uncertainty_column(known)
    losses = _losses(_column(known, dice, calibration), dice)
    point = operating_point(_column(known, column, calibration).values(), losses, risk)
    uncertainty = _column(asked, column, test)
    flagged = [name for name in most_uncertain_first(uncertainty) if point.flags(uncertainty[name])]
    plain = _plain(point, column, dice, flagged, uncertainty, asked)
    if out is not None:
        _write(out, plain)
    typer.echo(json.dumps(plain, indent=2, allow_nan=False) if as_json else _text(plain))


def _require_apart(known: Table, asked: Table) -> None:
    from ckpt_uq.errors import DataError

    both = sorted(known.keys() & asked.keys())
    if both:
        raise DataError(
            f"calibration and test cases must be different, both tables have {', '.join(both[:5])}"
            f"{' ...' if len(both) > 5 else ''}; a threshold cannot be judged by the cases it was chosen on"
        )


def _uncertainty_column(table: Table) -> str:
    from ckpt_uq.errors import DataError

    names = list(next(iter(table.values()), {}))
    found = [name for name in names if name.startswith("contour_score")] + ["mean_entropy_bits"]
    if found[0] not in names:
        raise DataError(f"calibration scores must have an uncertainty, got {names}; name it with --score")
    return found[0]


def _column(table: Table, name: str, path: Path) -> dict[str, float]:
    from ckpt_uq.errors import DataError

    columns = list(next(iter(table.values()), {}))
    if name not in columns:
        raise DataError(
            f"{path} must have numbers in a column {name}, it has {', '.join(columns) or 'no case'}"
        )
    return {case: row[name] for case, row in table.items()}


def _losses(quality: Mapping[str, float], name: str) -> list[float]:
    from ckpt_uq.errors import DataError

    for case, value in quality.items():
        if value < 0 or value > 1:
            raise DataError(f"{name} must lie in [0, 1], got {value:g} for {case}; divide percents by 100")
    return [1 - value for value in quality.values()]


def _plain(
    point: OperatingPoint,
    column: str,
    dice: str,
    flagged: list[str],
    uncertainty: Mapping[str, float],
    asked: Table,
) -> dict[str, Any]:
    from ckpt_uq.evaluation.case_mean import case_mean

    accepted = [name for name in asked if name not in set(flagged)]
    truth = case_mean(1 - asked[name].get(dice, math.nan) for name in accepted)
    return {
        "score": column,
        "risk": point.risk,
        "threshold": _finite(point.threshold),
        "calibration": {
            "cases": point.n_calibration,
            "left_out": point.n_left_out,
            "accepted": point.n_accepted,
            "accepted_risk": _finite(point.accepted_risk),
        },
        "test": {
            "cases": len(asked),
            "flagged": len(flagged),
            "accepted": len(accepted),
            "accepted_risk": _finite(truth.mean),
            "accepted_without_truth": truth.n_nan,
        },
        "flagged": [{"case": name, "uncertainty": _finite(uncertainty[name])} for name in flagged],
        "accepted": accepted,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _text(plain: Mapping[str, Any]) -> str:
    calibration, test = plain["calibration"], plain["test"]
    chosen = (
        f"{plain['score']} <= {plain['threshold']:.6g} is accepted: chosen on {calibration['cases']} "
        f"calibration cases, of which it accepts {calibration['accepted']} with a mean of 1 - Dice of "
        f"{calibration['accepted_risk']:.4g} (asked for: {plain['risk']:g})"
        if plain["threshold"] is not None
        else f"no threshold on {plain['score']} keeps the mean of 1 - Dice at {plain['risk']:g} or below, on "
        f"{calibration['cases']} calibration cases: every case is flagged"
    )
    lines = [chosen, f"{test['flagged']} of {test['cases']} cases flagged, worst first:"]
    for entry in plain["flagged"]:
        value = "no score" if entry["uncertainty"] is None else f"{entry['uncertainty']:.6g}"
        lines.append(f"  {entry['case']}  {value}")
    if test["accepted_risk"] is not None:
        n = test["accepted"] - test["accepted_without_truth"]
        lines.append(
            f"accepted test cases: mean of 1 - Dice {test['accepted_risk']:.4g} over {n} with a truth"
        )
    return "\n".join(lines)


def _write(path: Path, plain: Mapping[str, Any]) -> None:
    from ckpt_uq.io.atomic import write_bytes_atomic
    from ckpt_uq.io.scores_csv import write_scores

    if path.suffix == ".json":
        write_bytes_atomic(path, f"{json.dumps(plain, indent=2, allow_nan=False)}\n".encode())
    else:
        write_scores(
            path, {entry["case"]: {plain["score"]: entry["uncertainty"]} for entry in plain["flagged"]}
        )
