"""``ckpt-uq evaluate``: predictions against labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ckpt_uq.terminal import SOME_CASES_FAILED

EPILOG = """Examples:

ckpt-uq evaluate predictions labels/ -o predictions

ckpt-uq evaluate predictions labels/ -o scored --metrics all --ood new/scores.csv

ckpt-uq evaluate predictions labels/ -o scored --metrics surface,calibration
--classes kidney,tumour,cyst --roi-pixels 8 --json
"""


def evaluate(
    context: typer.Context,
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="What predict or combine wrote: cases/NAME/.")
    ],
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="Folder of labels, NAME.nii.gz for every case.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Gets metrics.json, scores.csv, calibration_bins.json; may be PREDICTIONS."
        ),
    ],
    classes: Annotated[
        str | None, typer.Option(help="Names of the labels 1, 2, ..., as in kidney,tumour,cyst.")
    ] = None,
    roi_pixels: Annotated[
        int, typer.Option(min=0, help="The region of interest is the true foreground and so far around it.")
    ] = 4,
    metrics: Annotated[
        str,
        typer.Option(
            help="What else to measure: calibration, failure, surface, voxels, scores, kits; all is all but "
            "kits, none is Dice and ECE alone."
        ),
    ] = "failure",
    band_mm: Annotated[
        float, typer.Option(min=0, help="Half the width of the band along boundaries, for calibration.")
    ] = 3.0,
    tolerance_mm: Annotated[
        float, typer.Option(min=0, help="How far a surface, or an uncertain voxel, may miss.")
    ] = 1.0,
    failed_below: Annotated[
        float, typer.Option(min=0, max=1, help="A case with less Dice has failed.")
    ] = 0.7,
    regions: Annotated[
        str | None,
        typer.Option(
            help="For predictions of regions: which labels each channel holds, as "
            "kidney=1+2+3,mass=2+3,tumour=2; the calibration of each is measured."
        ),
    ] = None,
    raters: Annotated[
        Path | None,
        typer.Option(help="Folder of CASE.npz with several annotators' label maps, raters (R, z, y, x)."),
    ] = None,
    ood: Annotated[
        Path | None,
        typer.Option(help="Predictions, or their scores.csv, of cases from elsewhere: are they less sure?"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as one JSON object.")] = False,
) -> None:
    """Compare predictions with labels: Dice, calibration, and whether the uncertainty points to bad cases.

    Calibration (ECE) needs the mean probabilities of every case, which --save-probs of predict and combine
    writes; without them Dice and the scores remain. Predictions of regions, which may overlap, have a
    calibration of each region instead, once --regions says which labels it holds. With --metrics, the report
    and metrics.json get a table for each group. A case that fails is left out and named, and the exit code is
    3. Every call starts anew, so that no number is of other labels than these.
    """
    from ckpt_uq.evaluating.cohort import evaluate_cohort
    from ckpt_uq.evaluating.labelled_regions import labelled_regions
    from ckpt_uq.evaluating.opened import Regions
    from ckpt_uq.evaluating.wanted import Wanted, groups_of
    from ckpt_uq.terminal.outcome import name_failures
    from ckpt_uq.terminal.progress import CaseBar

    with CaseBar() as bar:
        done = evaluate_cohort(
            predictions,
            labels,
            out,
            classes=None if classes is None else classes.split(","),
            wanted=Wanted(
                groups_of(metrics.split(",")),
                Regions(roi_pixels, band_mm),
                tolerance_mm=tolerance_mm,
                failed_below=failed_below,
                raters=raters,
                strangers=ood,
                labelled_regions=() if regions is None else labelled_regions(regions),
            ),
            progress=bar.show,
        )
    name_failures(done.failed, context)
    if done.without_prediction:
        names = ", ".join(done.without_prediction[:5])
        typer.echo(f"{len(done.without_prediction)} labels have no prediction, as {names}", err=True)
    typer.echo(json.dumps(done.metrics, indent=2) if as_json else _text(done.metrics, out))
    if done.failed:
        raise typer.Exit(SOME_CASES_FAILED)


def _text(metrics: Mapping[str, Any], out: Path) -> str:
    per_class = ", ".join(f"{name} {_number(dice)}" for name, dice in metrics["dice_per_class"].items())
    ece = (
        metrics["calibration"]
        if metrics["ece_percent"] is None
        else f"ECE {_number(metrics['ece_percent'])} %, {_number(metrics['ece_roi_percent'])} % around the "
        "foreground"
    )
    by_score = metrics["uncertainty_dice_spearman_by_score"]
    rho = ", ".join(
        f"{name} {_number(value)}" for name, value in by_score.items() if not name.startswith("score_")
    )
    tables = [name for name, entry in metrics.items() if isinstance(entry, dict) and "rows" in entry]
    return "\n".join(
        [
            f"{metrics['n_cases']} cases: {out}",
            f"Dice {_number(metrics['dice_mean'])} ({per_class})",
            ece,
            f"Spearman of uncertainty and Dice: {rho or 'no scores.csv beside the predictions'}",
            f"in metrics.json and the report: {', '.join(tables) or 'nothing else was asked for'}",
        ]
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
