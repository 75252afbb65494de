"""``ckpt-uq calibrate``: make the confidence of an ensemble believable."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

EPILOG = """Examples:

ckpt-uq calibrate predictions labels/ -o calibration.json

ckpt-uq calibrate predictions labels/ -o calibration.json --method vector --scope boundary --band-mm 5

Then: ckpt-uq predict ... --transform calibration.json
"""


def calibrate(
    predictions: Annotated[
        Path,
        typer.Argument(metavar="PREDICTIONS", help="What predict or combine wrote, with --save-probs."),
    ],
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="Folder of labels, NAME.nii.gz for every case.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets the calibration, a .json file.")],
    method: Annotated[
        str,
        typer.Option(
            help="temperature; class_wise (a scale for each class); vector (and a shift); or boundary (a "
            "temperature near the predicted boundary and another elsewhere)."
        ),
    ] = "temperature",
    scope: Annotated[
        str,
        typer.Option(help="Voxels that count: all, foreground, dilated_roi, or boundary, around the truth."),
    ] = "dilated_roi",
    roi_pixels: Annotated[
        int, typer.Option(min=0, help="The region of interest is the true foreground and so far around it.")
    ] = 4,
    band_mm: Annotated[float, typer.Option(min=0, help="Half the width of the band along boundaries.")] = 3.0,
    classes: Annotated[
        str | None, typer.Option(help="Names of the labels 1, 2, ..., as in kidney,tumour,cyst.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit a calibration of the mean probability, which predict --transform applies.

    Fit it on cases that the network was not trained on and that are not tested on. The likelihood of their
    labels has one maximum, which is found inside bounds; cases that do not determine it are an error. Each
    case is read about ten times, a slab at a time.
    """
    from rich.console import Console

    from ckpt_uq.calibration.scope import Scope
    from ckpt_uq.evaluating.calibrating import SavedMethod, fit_saved
    from ckpt_uq.evaluating.opened import Regions
    from ckpt_uq.posthoc.saving import save_transform
    from ckpt_uq.terminal.options import choice, output_file

    output_file(out, "--out", (".json",))
    kind: SavedMethod = choice(method, "--method", ("temperature", "class_wise", "vector", "boundary"))
    where: Scope = choice(scope, "--scope", ("all", "foreground", "dilated_roi", "boundary"))
    with Console(stderr=True).status("reading") as status:
        fit = fit_saved(
            predictions,
            labels,
            method=kind,
            classes=None if classes is None else classes.split(","),
            scope=where,
            regions=Regions(roi_pixels, band_mm),
            read=lambda case: status.update(f"reading {case}"),
        )
    save_transform(out, fit.transform)
    if as_json:
        typer.echo(json.dumps({**asdict(fit), "path": str(out)}, indent=2))
        return
    typer.echo(f"{fit.transform}: {out}")
    typer.echo(
        f"negative log-likelihood {fit.nll_before:.4g} to {fit.nll_after:.4g} nats, over {fit.n_voxels} "
        f"voxels of {fit.n_cases} cases"
    )
