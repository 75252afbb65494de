"""``kits23 prepare``: from KiTS23, or from nothing, to the data set that nnU-Net reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kits23.work import WorkOption

EPILOG = """Examples:

kits23 prepare work --from ~/kits23

kits23 prepare work --simulate 12
"""


def prepare(
    work: WorkOption,
    checkout: Annotated[
        Path | None,
        typer.Option("--from", help="A checkout of KiTS23: case_XXXXX/imaging.nii.gz, segmentation.nii.gz."),
    ] = None,
    simulate: Annotated[
        int | None, typer.Option(min=6, help="Simulate so many CT scans instead, from label volumes.")
    ] = None,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="Simulate whole scans, 512x512, not small coarse ones.")
    ] = False,
    label_volumes: Annotated[
        str,
        typer.Option(
            help="Labels to simulate from: phantom, kits23 (real ones, in the folder that CKPT_UQ_DATA "
            "names), or both."
        ),
    ] = "both",
    split: Annotated[
        str,
        typer.Option(help="paper: 400 cases in five folds, 89 to test; benchmark: 367 and 122."),
    ] = "paper",
    normalisation: Annotated[
        str,
        typer.Option(
            help="per-case: each scan by its own mean and SD, as the paper does; ct: nnU-Net's own."
        ),
    ] = "per-case",
    seed: Annotated[int, typer.Option(min=0, help="Decides the split, and every simulated voxel.")] = 0,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on with the cases that are there, if not all 489 are.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make the data set of WORK again.")] = False,
) -> None:
    """Verify KiTS23 and lay it out for nnU-Net, by links; or simulate scans that stand in for it.

    Writes WORK/nnUNet_raw/Dataset220_KiTS23, WORK/splits_final.json, and last WORK/prepare.json.
    """
    from ckpt_uq.terminal.options import choice
    from ckpt_uq.terminal.progress import CaseBar
    from kits23.preparing.dataset import CHANNELS
    from kits23.preparing.prepare import Preparation, prepare_kits, prepare_simulated
    from kits23.preparing.split import TEST_CASES
    from kits23.work import Work

    if (checkout is None) == (simulate is None):
        raise typer.BadParameter("give --from or --simulate, one of them", param_hint="--from")
    settings = Preparation(
        split=choice(split, "--split", tuple(TEST_CASES)),
        normalisation=choice(normalisation, "--normalisation", tuple(CHANNELS)),
        seed=seed,
        overwrite=overwrite,
    )
    with CaseBar() as bar:
        if checkout is not None:
            said = prepare_kits(Work(work), checkout, settings, partial=partial, progress=bar.show)
        else:
            said = prepare_simulated(
                Work(work),
                simulate or 0,
                settings,
                full_size=full_size,
                kind=label_volumes,
                progress=bar.show,
            )
    typer.echo(
        f"{said['n_development']} cases in {len(said['folds'])} folds, {said['n_test']} to test, from "
        f"{said['source']}: {Work(work).raw}"
    )
