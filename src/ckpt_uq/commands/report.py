"""``ckpt-uq report``: one page that shows a results folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ckpt_uq.terminal import SOME_CASES_FAILED

if TYPE_CHECKING:
    from ckpt_uq.report.results import CaseResult

EPILOG = """Examples:

ckpt-uq report predictions

ckpt-uq report ensemble --images scans -o page.html

ckpt-uq report predictions --sort-by mean_entropy_bits --max-panels 10 --embed-mb 0
"""

NO_VIEWER = (
    "no 3D viewer: this copy of ckpt_uq was built without NiiVue, which npm fetches; install npm, then "
    "ckpt_uq again with pip install --force-reinstall --no-deps"
)


def report(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="Folder that demo, combine, predict or evaluate wrote.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page; RESULTS/report.html if left out.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of images where cases hold none: CASE.nii.gz or CASE_0000.nii.gz."),
    ] = None,
    sort_by: Annotated[
        str | None,
        typer.Option(help="Column of scores.csv to sort by, largest first; the contour score if left out."),
    ] = None,
    max_panels: Annotated[
        int, typer.Option(min=0, help="How many cases get pictures, the most uncertain.")
    ] = 40,
    embed_mb: Annotated[
        float,
        typer.Option(min=0, help="Megabytes of volumes that the page may carry; others stay in their files."),
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write one HTML page with the run, the calibration, and every case, most uncertain first.

    The page is one file that needs no network: it can be mailed, opened from disk and printed. It has a
    section for whatever the folder holds, and a 3D viewer for the cases. A case that cannot be read is named
    on the page and on stderr, and the exit code is 3.
    """
    from ckpt_uq.report.page import as_json_text, write_report
    from ckpt_uq.report.settings import Settings

    settings = Settings(
        sort_by=sort_by,
        images=images,
        max_panels=max_panels,
        embed_mb=embed_mb,
        command=shlex.join(["ckpt-uq", *sys.argv[1:]]),
    )
    written = write_report(results, out or results / "report.html", settings, track=_bar)
    for name, message in written.failed.items():
        typer.echo(f"{name} failed: {message}", err=True)
    if written.n_pictured and not written.viewer:
        typer.echo(NO_VIEWER, err=True)
    what = f"{written.n_cases} cases, {written.n_pictured} with pictures, {written.size / 1e6:.1f} MB"
    typer.echo(as_json_text(written) if as_json else f"{what}: {written.path}")
    if written.failed:
        raise typer.Exit(SOME_CASES_FAILED)


def _bar(cases: Sequence[CaseResult]) -> Iterable[CaseResult]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(cases, description="drawing cases", console=console, disable=not console.is_terminal)
