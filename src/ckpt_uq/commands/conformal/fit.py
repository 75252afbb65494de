"""``ckpt-uq conformal fit``: how cautious a contour must be."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer

EPILOG = """Examples:

ckpt-uq conformal fit calibration labels/ -o tumour.json --label 2 --level 0.1

ckpt-uq conformal fit calibration labels/ -o found.json --label 2 --level 0.2 --loss missed_lesions
--family margin

ckpt-uq conformal fit calibration labels/ -o sure.json --label 2 --level 0.2 --loss surplus_voxels

Then: ckpt-uq conformal apply new tumour.json -o contours
"""


def fit(
    predictions: Annotated[
        Path,
        typer.Argument(metavar="PREDICTIONS", help="What predict or combine wrote, with --save-probs."),
    ],
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="Folder of labels, NAME.nii.gz for every case.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets the contour, a .json file.")],
    label: Annotated[
        str, typer.Option(help="The label to draw around; with commas, as 1,2,3, all of them as one.")
    ],
    level: Annotated[
        float, typer.Option(help="The loss that you can bear on average over new cases, as 0.1 for 10 %.")
    ],
    loss: Annotated[
        str,
        typer.Option(
            help="missed_voxels: share of the true voxels outside the contour; missed_lesions: share of the "
            "true lesions outside it; surplus_voxels: voxels inside that are not of the label, as a share of "
            "those that are, for a contour within the truth."
        ),
    ] = "missed_voxels",
    family: Annotated[
        str,
        typer.Option(
            help="threshold: lower or raise the probability that counts; margin: grow or shrink the "
            "segmentation by so many mm, which needs no saved probabilities."
        ),
    ] = "threshold",
    min_overlap: Annotated[
        float,
        typer.Option(help="A lesion is found if more than this share of it is inside; 0 is any voxel."),
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the tightest contour whose expected loss on a new case is guaranteed to be at most the level.

    Conformal risk control: the guarantee holds for any model and any n cases, without assumptions but one:
    that the calibration cases and a new one are drawn alike, and the network was trained on none of them. It
    is on average over cases, not for each; it is for cases that have the label; and it needs at least 1/level
    - 1 such cases, 9 for a level of 0.1. Fit every label by itself.
    """
    from rich.console import Console

    from ckpt_uq.conformal import ContourRule, save_contour
    from ckpt_uq.conformal.contour import Family, Loss
    from ckpt_uq.contouring.fitting import fit_contour
    from ckpt_uq.terminal.options import choice, numbers, output_file

    output_file(out, "--out", (".json",))
    what: Loss = choice(loss, "--loss", get_args(Loss))
    how: Family = choice(family, "--family", get_args(Family))
    rule = ContourRule(tuple(numbers(label, "--label", int) or ()), what, how, min_overlap)
    with Console(stderr=True).status("reading") as status:
        contour = fit_contour(
            predictions, labels, rule, level, read=lambda case: status.update(f"reading {case}")
        )
    save_contour(out, contour)
    if as_json:
        from ckpt_uq.io.json_file import without_nan

        said = {**asdict(contour), "where": contour.where, "promise": contour.promise, "path": str(out)}
        typer.echo(json.dumps(without_nan(said), indent=2))
        return
    typer.echo(f"{contour.where}: {out}")
    typer.echo(
        f"{contour.promise}, over new cases like these {len(contour.cases)} (of whom it loses "
        f"{100 * contour.mean_loss:.3g} %)"
    )
