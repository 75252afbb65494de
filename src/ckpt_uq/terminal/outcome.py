"""What became of many cases, in words, in JSON, and as an exit code."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from ckpt_uq.cohort import CohortOutcome
from ckpt_uq.terminal import SOME_CASES_FAILED


def conclude(outcome: CohortOutcome, out: Path, did: str, context: typer.Context, *, as_json: bool) -> None:
    """Print the outcome and name every case that failed, with its traceback after --debug.

    Raises
    ------
    typer.Exit
        With code 3 if a case failed.
    """
    name_failures(outcome.failed, context)
    plain: dict[str, Any] = {
        "out": str(out),
        "scores": str(outcome.scores),
        did: list(outcome.made),
        "kept": list(outcome.kept),
        "failed": {name: str(error) for name, error in outcome.failed.items()},
    }
    counts = {did: outcome.made, "finished before": outcome.kept, "failed": outcome.failed}
    said = ", ".join(f"{len(cases)} {what}" for what, cases in counts.items() if cases)
    typer.echo(json.dumps(plain, indent=2) if as_json else f"{said}: {out}")
    if outcome.failed:
        raise typer.Exit(SOME_CASES_FAILED)


def name_failures(failed: Mapping[str, Exception], context: typer.Context) -> None:
    """Name the cases that failed, on stderr, and what is wrong with each."""
    for name, error in failed.items():
        if context.find_root().params.get("debug"):
            typer.echo("".join(traceback.format_exception(error)), err=True)
        typer.echo(f"{name} failed: {error}", err=True)
