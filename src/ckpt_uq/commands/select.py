"""``ckpt-uq select``: which epochs of a history are peaks, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ckpt_uq.terminal.options import offering

if TYPE_CHECKING:
    from ckpt_uq.cycles import Cycles
    from ckpt_uq.peaks import History, PeakRule
    from ckpt_uq.verdicts import Verdict

EPILOG = """Examples:

ckpt-uq select runs/a

ckpt-uq select runs/a --k 5 --min-gain none

ckpt-uq select history.csv --ends 100,200,400,800

ckpt-uq select loss.csv --t0 50 --epochs 200 --mode min --json
"""


def select(
    history: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_CSV",
            help="A run folder, or a CSV file with the columns epoch and score (then with --ends or --t0).",
        ),
    ],
    ends: Annotated[
        str | None, typer.Option(help="Epochs at which cycles end, as in 100,200,400,800.")
    ] = None,
    t0: Annotated[
        int | None, typer.Option(min=1, help="Length of the first cycle, instead of --ends.")
    ] = None,
    t_mult: Annotated[int, typer.Option(min=1, help="With --t0: factor from one cycle to the next.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="With --t0: length of the run.")] = None,
    k: Annotated[int | None, typer.Option(min=1, help="Snapshots per cycle; the run's, or 3.")] = None,
    window: Annotated[
        float | None, typer.Option(help="Last share of a cycle that peaks may lie in; the run's, or 0.5.")
    ] = None,
    min_gain: Annotated[
        str | None,
        typer.Option(
            help="By how much a cycle must beat those before, or none to keep every one; the run's, or 0."
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="max or min: which score is better; the run's, or max.",
            autocompletion=offering("max", "min"),
        ),
    ] = None,
    smoothing: Annotated[
        int | None, typer.Option(min=1, help="Epochs in the trailing mean; the run's, or 5.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show which epochs are the peaks of a run, which cycles were kept, and why.

    Of a run folder the recorded history and settings are read; options show what other settings would have
    chosen. No weight file is touched.
    """
    from ckpt_uq.terminal.options import cycles_of
    from ckpt_uq.verdicts import verdicts

    given = {"k": k, "window": window, "mode": mode, "smoothing": smoothing}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if min_gain is not None:
        settings["min_gain"] = _gain(min_gain)
    scores, rule, saved = _read(history, cycles_of(ends, t0, t_mult, epochs), settings)
    judged = verdicts(scores, rule)
    if as_json:
        typer.echo(json.dumps(_plain(rule, judged, saved), indent=2))
        return
    _print(judged, saved)


def _gain(text: str) -> float | None:
    try:
        return None if text == "none" else float(text)
    except ValueError:
        raise typer.BadParameter(f"must be a number or none, got {text!r}", param_hint="--min-gain") from None


def _read(
    path: Path, cycles: Cycles | None, settings: dict[str, Any]
) -> tuple[History, PeakRule, set[int] | None]:
    """The scores, the rule, and the epochs whose weights lie on disk, if it is a run."""
    from dataclasses import replace

    from ckpt_uq.io.history_csv import read_history
    from ckpt_uq.peaks import PeakRule

    if not path.is_dir():
        if cycles is None:
            raise typer.BadParameter("a CSV file needs --ends or --t0", param_hint="--ends")
        return read_history(path), PeakRule(cycles, **settings), None
    from ckpt_uq.manifest import read_run

    run = read_run(path)
    rule = replace(run.rule, **settings)
    rule = rule if cycles is None else replace(rule, cycles=cycles)
    return {e.epoch: e.score for e in run.history}, rule, {s.epoch for s in run.snapshots}


def _plain(rule: PeakRule, judged: list[Verdict], saved: set[int] | None) -> dict[str, Any]:
    return {
        "settings": {
            "cycles": rule.cycles.to_json(),
            "k": rule.k,
            "window": rule.window,
            "min_gain": rule.min_gain,
            "mode": rule.mode,
            "smoothing": rule.smoothing,
        },
        "members": [s.epoch for verdict in judged if verdict.outcome == "kept" for s in verdict.peaks],
        "on_disk": None if saved is None else sorted(saved),
        "cycles": [
            {
                "index": verdict.cycle.index,
                "window": list(verdict.window),
                "peaks": [{"epoch": s.epoch, "score": s.score} for s in verdict.peaks],
                "smoothed_peak": verdict.smoothed,
                "best_before": verdict.bar,
                "outcome": verdict.outcome,
                "reason": verdict.reason,
            }
            for verdict in judged
        ],
    }


def _print(judged: list[Verdict], saved: set[int] | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("cycle", "chosen among", "peaks: epoch (score)", "outcome", "why")
    for verdict in judged:
        peaks = "\n".join(f"{s.epoch} ({s.score:.4g})" for s in verdict.peaks)
        window = f"{verdict.window[0]}-{verdict.window[1]}"
        table.add_row(str(verdict.cycle.index), window, peaks or "-", verdict.outcome, verdict.reason)
    Console().print(table)
    members = [s.epoch for verdict in judged if verdict.outcome == "kept" for s in verdict.peaks]
    typer.echo(f"{len(members)} members: {', '.join(map(str, members)) or 'none'}")
    absent = [epoch for epoch in members if saved is not None and epoch not in saved]
    if absent:
        typer.echo(f"not on disk, dropped when they were made: {', '.join(map(str, absent))}", err=True)
