"""``kits23 select``: which epochs of the trainings are members, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kits23.work import WorkOption

if TYPE_CHECKING:
    from kits23.training.selection import Selected

EPILOG = """Examples:

kits23 select work

kits23 select work --json
"""


def select(
    work: WorkOption,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the epochs that every training has kept, cycle by cycle; nothing is changed.

    What was kept was decided while training: by the scores of validation cases, never of test cases.
    """
    from kits23.training.selection import selected
    from kits23.work import Work

    found = selected(Work(work))
    if as_json:
        typer.echo(json.dumps({one.name: _plain(one) for one in found}, indent=2))
        return
    for one in found:
        members = ", ".join(map(str, one.epochs)) or "none yet"
        typer.echo(f"{one.name}: {one.n_done} of {one.n_epochs} epochs done, members: {members}")
        for verdict in one.cycles:
            peaks = ", ".join(f"{peak.epoch} ({peak.score:.4g})" for peak in verdict.peaks) or "none"
            typer.echo(f"  cycle {verdict.cycle.index}: {peaks}; {verdict.outcome}, {verdict.reason}")


def _plain(one: Selected) -> dict[str, Any]:
    return {
        "members": list(one.epochs),
        "epochs_done": one.n_done,
        "epochs": one.n_epochs,
        "cycles": [
            {
                "index": verdict.cycle.index,
                "peaks": [{"epoch": peak.epoch, "score": peak.score} for peak in verdict.peaks],
                "outcome": verdict.outcome,
                "reason": verdict.reason,
            }
            for verdict in one.cycles
        ],
    }
