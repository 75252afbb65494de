"""``ckpt-uq conformal apply``: draw guaranteed contours on new cases."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ckpt_uq.terminal import SOME_CASES_FAILED

EPILOG = """Examples:

ckpt-uq conformal apply new tumour.json -o contours

ckpt-uq conformal apply new tumour.json -o contours --labels labels/
"""


def apply(
    context: typer.Context,
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="What predict or combine wrote, of new cases.")
    ],
    contour: Annotated[Path, typer.Argument(metavar="CONTOUR", help="What conformal fit wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets NAME.nii.gz and contours.csv.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Folder of labels, to see what the contours lose; they are not fitted to them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a mask for every case, 1 inside the contour and 0 outside, and their volumes to contours.csv.

    The cases must be others than those that the contour was fitted on, of which it promises nothing, and
    predicted in the same way. A case that fails is left out and named, and the exit code is 3.
    """
    from ckpt_uq.conformal import load_contour
    from ckpt_uq.contouring.applying import apply_contour
    from ckpt_uq.io.json_file import without_nan
    from ckpt_uq.terminal.outcome import name_failures
    from ckpt_uq.terminal.progress import CaseBar

    fitted = load_contour(contour)
    with CaseBar() as bar:
        done = apply_contour(predictions, fitted, out, labels=labels, progress=bar.show)
    name_failures(done.failed, context)
    if as_json:
        said: dict[str, Any] = {
            "out": str(out),
            "where": fitted.where,
            "promise": fitted.promise,
            "mean_loss": done.mean_loss,
            "cases": done.rows,
            "failed": {name: str(error) for name, error in done.failed.items()},
        }
        typer.echo(json.dumps(without_nan(said), indent=2))
    else:
        typer.echo(f"{len(done.rows)} cases, {fitted.where}: {out}")
        typer.echo(fitted.promise)
        if not math.isnan(done.mean_loss):
            typer.echo(f"of these cases it loses {100 * done.mean_loss:.3g} % on average")
    if done.failed:
        raise typer.Exit(SOME_CASES_FAILED)
