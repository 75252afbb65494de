"""``ckpt-uq schedule``: what a run will do, before it is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ckpt_uq.cycles import Cycles
    from ckpt_uq.plan import PlannedCycle

EPILOG = """Examples:

ckpt-uq schedule

ckpt-uq schedule --ends 50,100,200 --lr 0.01 --k 5 --model-mb 560

ckpt-uq schedule --t0 100 --t-mult 2 --epochs 700 --plot lr.png
"""


def schedule(
    ends: Annotated[
        str | None,
        typer.Option(help="Epochs at which cycles end, as in 100,200,400,800, which is the default."),
    ] = None,
    t0: Annotated[
        int | None, typer.Option(min=1, help="Length of the first cycle in epochs, instead of --ends.")
    ] = None,
    t_mult: Annotated[int, typer.Option(min=1, help="With --t0: factor from one cycle to the next.")] = 1,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Length of the run; --t0 needs it, --ends may be cut short by it."),
    ] = None,
    lr: Annotated[float, typer.Option(help="Learning rate at a restart.")] = 0.1,
    eta_min: Annotated[float, typer.Option(help="Learning rate at a trough.")] = 1e-4,
    k: Annotated[int, typer.Option(min=1, help="Snapshots that a cycle leaves at most.")] = 3,
    model_mb: Annotated[
        float | None, typer.Option(min=0, help="Size of one snapshot in MB, to say what disk the run needs.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the learning rate into this file, as lr.png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the cycles of a run before it is started: learning rate, epochs that may be kept, disk.

    A run that ends far from a trough is warned about: its last checkpoints would be of a network that never
    settled.
    """
    from ckpt_uq.cycles import PAPER_CYCLES, far_from_trough
    from ckpt_uq.peaks import PeakRule
    from ckpt_uq.plan import planned_cycles
    from ckpt_uq.terminal.options import cycles_of, output_file

    if plot is not None:
        output_file(plot, "--plot", (".png", ".svg", ".pdf"))
    cycles = cycles_of(ends, t0, t_mult, epochs) or (
        PAPER_CYCLES if epochs is None else PAPER_CYCLES.until(epochs)
    )
    planned = planned_cycles(PeakRule(cycles, k=k), lr, eta_min)
    warning = far_from_trough(cycles)
    if plot is not None:
        _draw(cycles, lr, eta_min, plot)
    if as_json:
        typer.echo(json.dumps(_plain(cycles, planned, model_mb, warning), indent=2))
        return
    _print(cycles, planned, lr, eta_min, model_mb)
    if warning is not None:
        typer.echo(f"warning: {warning}", err=True)


def _plain(
    cycles: Cycles, planned: list[PlannedCycle], model_mb: float | None, warning: str | None
) -> dict[str, Any]:
    from ckpt_uq.plan import most_snapshots

    return {
        "n_epochs": cycles.end,
        "cycles": [
            {
                "index": p.cycle.index,
                "first_epoch": p.cycle.start,
                "last_epoch": p.last_epoch,
                "lr_first": p.lr_first,
                "lr_last": p.lr_last,
                "window_first_epoch": p.window_start,
                "snapshots": p.n_snapshots,
            }
            for p in planned
        ],
        "snapshots_on_disk": most_snapshots(planned),
        "disk_mb": None if model_mb is None else most_snapshots(planned) * model_mb,
        "warning": warning,
    }


def _print(
    cycles: Cycles, planned: list[PlannedCycle], lr: float, eta_min: float, model_mb: float | None
) -> None:
    from rich.console import Console
    from rich.table import Table

    from ckpt_uq.plan import most_snapshots
    from ckpt_uq.terminal.chart import chart

    table = Table("cycle", "epochs", "learning rate", "may be kept", "snapshots")
    for p in planned:
        window = f"{p.window_start}-{p.last_epoch}" if p.n_snapshots else "-"
        rates = f"{p.lr_first:.4g} to {p.lr_last:.4g}"
        table.add_row(
            str(p.cycle.index), f"{p.cycle.start}-{p.last_epoch}", rates, window, f"{p.n_snapshots}"
        )
    Console().print(table)
    typer.echo(chart(_rates(cycles, lr, eta_min), ticks=[p.cycle.start for p in planned]))
    n_snapshots = most_snapshots(planned)
    size = "one snapshot" if model_mb is None else f"{model_mb:g} MB = {n_snapshots * model_mb:g} MB"
    typer.echo(f"disk: at most {n_snapshots} snapshots, the one being written included, x {size}")


def _rates(cycles: Cycles, lr: float, eta_min: float) -> list[float]:
    from ckpt_uq.cycles import sgdr_lr

    return [sgdr_lr(epoch, cycles, lr, eta_min) for epoch in range(cycles.end or 0)]


def _draw(cycles: Cycles, lr: float, eta_min: float, path: Path) -> None:
    from matplotlib.figure import Figure

    from ckpt_uq.io.atomic import atomic_path

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(_rates(cycles, lr, eta_min), color="teal")
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
