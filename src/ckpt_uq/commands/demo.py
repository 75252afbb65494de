"""``ckpt-uq demo``: the whole method in minutes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ckpt_uq.terminal.options import offering

if TYPE_CHECKING:
    from rich.table import Table

DATA = ("phantom", "hippocampus", "kits-slices", "phantom-tiny")

EPILOG = """Examples:

ckpt-uq demo

ckpt-uq demo --data hippocampus --seed 1 -o out/hippocampus

ckpt-uq demo --resume
"""


def demo(
    data: Annotated[
        str | None,
        typer.Option(
            help="phantom (made on the fly, the default), hippocampus or kits-slices (from the folder that "
            "CKPT_UQ_DATA names in the environment), phantom-tiny (seconds; its numbers mean nothing).",
            autocompletion=offering(*DATA),
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets everything.")] = Path("out/demo"),
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Decides phantom, split, first weights and batches; 0 if left out."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Length of the training; the data's own if left out.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder, if there is one.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove the run in the folder and start again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json.")] = False,
) -> None:
    """Train a small U-Net with warm restarts, ensemble the peaks of its cycles, and look at the uncertainty.

    Writes report.html, one page to open, and what it is made of: the run folder, maps of the test cases as
    NIfTI, scores.csv, metrics.json and figures. The phantom takes some three minutes on two cores. Ctrl-C
    leaves a state that --resume goes on with.
    """
    from ckpt_uq.demo.folder import open_folder
    from ckpt_uq.demo.run import run_demo

    settings = open_folder(out, data=data, seed=seed, n_epochs=epochs, resume=resume, overwrite=overwrite)
    try:
        with _Bars() as bars:
            metrics = run_demo(settings, out, bars)
    except KeyboardInterrupt:
        typer.echo(f"to go on: ckpt-uq demo --resume --out {shlex.quote(str(out))}", err=True)
        raise
    if as_json:
        typer.echo((out / "metrics.json").read_text(encoding="utf-8"), nl=False)
    else:
        _print_summary(metrics, out)


class _Bars:
    """A bar on stderr for every stage."""

    def __enter__(self) -> _Bars:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[remark]}", style="dim"),
            console=Console(stderr=True),
        )
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
        task = self._progress.add_task(name, total=total, remark="")
        self._progress.update(task, completed=done)  # stops the clock of a stage that was done before
        yield lambda remark: self._progress.update(task, advance=1, remark=remark)


def _print_summary(metrics: dict[str, Any], out: Path) -> None:
    from rich.console import Console

    from ckpt_uq.demo.folder import REPORT

    console = Console()
    console.print(_comparison(metrics))
    members = metrics["members"]
    console.print(f"{len(members)} members, epochs {', '.join(str(member['epoch']) for member in members)}")
    correlation = _number(metrics["uncertainty_dice_spearman"])
    console.print(f"Contour score against Dice ({metrics['subject']}), Spearman: {correlation}")
    if "rater_disagreement_auroc" in metrics:
        console.print(
            f"Entropy tells where raters disagree, AUROC: {_number(metrics['rater_disagreement_auroc'])}"
        )
    if metrics["temperature"] is None:
        console.print(f"No temperature: {metrics['not_calibrated']}")
    for check in metrics["checks"]:
        low, high = check["between"]
        said = "as expected" if check["met"] else "UNEXPECTED"
        console.print(f"{said}: {check['what']} {_number(check['value'])}, between {low} and {high}")
    console.print(f"Results: {out}  (figures/, cases/, scores.csv, metrics.json)", soft_wrap=True)
    console.print(f"Report:  {out / REPORT}", soft_wrap=True)


def _comparison(metrics: dict[str, Any]) -> Table:
    from rich.table import Table

    n_test = metrics["n_cases"]["test"]
    table = Table(title=f"{metrics['data']}, {n_test} test cases", title_justify="left")
    for heading in ("", "ensemble", "best single", "difference [95 % interval]"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, dice in metrics["dice_per_class"].items():
        single = metrics["dice_per_class_best_single"][name]
        table.add_row(f"Dice, {name}", _number(dice), _number(single), "")
    _add_compared(table, metrics, {"dice_mean": "Dice, mean", **_CALIBRATION})
    if metrics["temperature"] is not None:
        table.add_section()
        table.add_row("after a temperature each", *(_temperature(metrics, name) for name in _SYSTEMS), "")
        _add_compared(table, metrics, _CALIBRATION, suffix="_calibrated")
    return table


_SYSTEMS = ("ensemble", "best_single")
_CALIBRATION = {
    "ece_percent": "ECE %",
    "ece_roi_percent": "ECE around the organ %",
    "nll_roi": "NLL around the organ",
}


def _add_compared(table: Table, metrics: dict[str, Any], rows: dict[str, str], suffix: str = "") -> None:
    for name, label in rows.items():
        gain = metrics[f"ensemble_minus_best_single{suffix}"][name]
        interval = f"{gain['estimate']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
        ours, single = metrics[f"{name}{suffix}"], metrics[f"{name}_best_single{suffix}"]
        table.add_row(label, _number(ours), _number(single), interval)


def _temperature(metrics: dict[str, Any], system: str) -> str:
    return f"T = {metrics['temperature'][system]:.2f}"


def _number(value: float) -> str:
    return f"{value:.3f}"
