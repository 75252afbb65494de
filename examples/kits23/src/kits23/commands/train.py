"""``kits23 train``: the trainings of the systems, by nnU-Net."""

from __future__ import annotations

from typing import Annotated

import typer

from kits23.work import WorkOption

EPILOG = """Examples:

kits23 train work

kits23 train work --system full_train --system rel_unet_3d

kits23 train work --system five_fold --fold 3

kits23 train work --epochs 80 --iterations 50 --device cpu

The same command goes on where it was interrupted.
"""


def train(
    work: WorkOption,
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="rel_unet, rel_unet_single, rel_unet_loshchilov, rel_unet_3d, full_train, five_fold; or "
            "with cross entropy too, rel_unet_dice_ce, rel_unet_dice_ce_single, rel_unet_3d_dice_ce, "
            "full_train_dice_ce. May be given more than once; rel_unet if left out."
        ),
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, max=4, help="Of the systems' trainings only this fold's.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Train shorter; cycles keep their proportions.")
    ] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Batches of an epoch, 250.")] = None,
    validation_iterations: Annotated[
        int | None, typer.Option(min=1, help="Batches that an epoch is judged by, 50.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cuda, cpu or mps; the GPU if there is one, else cpu.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that load and augment; nnU-Net's choice, none without a GPU."),
    ] = None,
) -> None:
    """Train what the systems need, one training after the other; those that are finished are passed over.

    Snapshots and their manifest are in WORK/nnUNet_results/.../fold_X/snapshots, logs in WORK/logs.
    """
    from functools import partial

    from ckpt_uq.terminal.options import choice
    from ckpt_uq.terminal.progress import CaseBar
    from kits23.training.recipes import trainings_of
    from kits23.training.training import Length
    from kits23.training.training import train as train_one
    from kits23.work import Work

    folder, length = Work(work), Length(epochs, iterations, validation_iterations)
    where = None if device is None else choice(device, "--device", ("cuda", "cpu", "mps"))
    for one in trainings_of(system or ["rel_unet"]):
        if fold is not None and one.fold != fold:
            continue
        name = f"{one.trainer} {one.configuration} fold {one.fold}"
        with CaseBar() as bar:
            trained = train_one(
                folder,
                one,
                length=length,
                device=where,
                n_workers=workers,
                progress=partial(bar.show, name),
            )
        typer.echo(f"{name}: {'trained' if trained else 'finished before'}, {one.folder(folder)}")
