"""``kits23 run``: everything, one stage after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from kits23.work import WorkOption

EPILOG = """Examples:

kits23 run work --from ~/kits23

kits23 run out/kits23 --simulate 10

The same command goes on where it was interrupted.
"""


FULL = ["rel_unet", "rel_unet_single", "full_train", "rel_unet_3d", "five_fold"]
SHORT = ["rel_unet_dice_ce", "rel_unet_dice_ce_single", "full_train_dice_ce", "rel_unet_3d_dice_ce"]
"""Systems of a run on KiTS23, and of minutes on simulated scans, in which Dice alone learns nothing."""


def run(
    context: typer.Context,
    work: WorkOption,
    checkout: Annotated[
        Path | None, typer.Option("--from", help="A checkout of KiTS23; the paper's whole experiment.")
    ] = None,
    simulate: Annotated[
        int | None,
        typer.Option(min=6, help="So many small simulated scans, small networks, short trainings."),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="As for train; may be given more than once. Left out: rel_unet, rel_unet_single, "
            "full_train, rel_unet_3d and five_fold; of simulated scans the first four with cross entropy "
            "too, because the paper's Dice loss alone learns nothing in minutes."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of every training; 800, or 24 of simulated scans.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Batches of an epoch; 250, or 50 of simulated scans.")
    ] = None,
    validation_iterations: Annotated[
        int | None, typer.Option(min=1, help="Batches that an epoch is judged by; 50, or 5.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cuda, cpu or mps; the GPU if there is one, else cpu.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that load and augment; none without a GPU.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="At once, when cases are preprocessed.")] = 2,
) -> None:
    """Prepare, plan, train, select, predict, evaluate and report; stages that are done are not done again.

    With --simulate the very same stages run on simulated CT, in minutes on a processor.
    """
    from kits23.training.planning import planned_mark
    from kits23.work import Work

    folder, small = Work(work), simulate is not None
    if not folder.preparation.is_file():
        _stage("prepare")
        _command("prepare")(work, checkout=checkout, simulate=simulate)
    if not planned_mark(folder).is_file():
        _stage("plan")
        _command("plan")(work, small=small, processes=processes)
    systems = system or (SHORT if small else FULL)
    _stage("train")
    _command("train")(
        work,
        system=systems,
        epochs=epochs or (24 if small else None),
        iterations=iterations or (50 if small else None),
        validation_iterations=validation_iterations or (5 if small else None),
        device=device,
        workers=workers,
    )
    _stage("select")
    _command("select")(work)
    _stage("predict")
    mirror = "none" if small else "average"  # flips take four or eight times as long
    code = _exit_code(_command("predict"), context, work, system=systems, device=device, mirror=mirror)
    _stage("evaluate")
    code = _exit_code(_command("evaluate"), context, work) or code
    _stage("report")
    _command("report")(work)
    if code:
        raise typer.Exit(code)


def _stage(name: str) -> None:
    typer.echo(f"== {name}", err=True)


def _command(name: str) -> Callable[..., Any]:
    """The function of another command, whose options have plain defaults."""
    from importlib import import_module

    command: Callable[..., Any] = getattr(import_module(f"kits23.commands.{name}"), name)
    return command


def _exit_code(command: Callable[..., Any], *arguments: Any, **options: Any) -> int:
    """Call a command whose cases may fail without stopping what comes after."""
    from ckpt_uq.terminal import SOME_CASES_FAILED

    try:
        command(*arguments, **options)
    except typer.Exit as stop:
        if stop.exit_code != SOME_CASES_FAILED:
            raise
        return SOME_CASES_FAILED
    return 0
