"""``kits23 report``: the paper's tables and figures, for whatever was run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from kits23.work import WorkOption


def report(
    work: WorkOption,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page; WORK/report.html if left out.")
    ] = None,
) -> None:
    """Write one HTML page: Tables I to III and Figs. 2 to 7 of the paper, beside the paper's numbers.

    Every measured cell leads to the JSON file that it is from. The page needs no network.
    """
    from kits23.reporting.page import write_report
    from kits23.work import Work

    folder = Work(work)
    path = out or folder.report
    sections = write_report(folder, path, command=shlex.join(["kits23", *sys.argv[1:]]))
    typer.echo(f"{'; '.join(sections)}: {path}")
