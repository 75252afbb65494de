"""``kits23 evaluate``: predictions against labels, and labels against predictions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kits23.work import WorkOption

EPILOG = """Examples:

kits23 evaluate work

kits23 evaluate work --system rel_unet --system full_train
"""


def evaluate(
    context: typer.Context,
    work: WorkOption,
    system: Annotated[
        list[str] | None,
        typer.Option(help="Folder in WORK/predictions; may be given more than once. All if left out."),
    ] = None,
    roi_pixels: Annotated[
        int, typer.Option(min=0, help="The region of interest is the true foreground and so far around it.")
    ] = 4,
) -> None:
    """Measure every system on the test cases: Dice, KiTS's regions, calibration, uncertainty; flag labels.

    Writes metrics.json, scores.csv, slices.csv, flags.csv and calibration_bins.json to
    WORK/evaluation/SYSTEM. A case that fails is left out and named, and the exit code is 3.
    """
    from ckpt_uq.terminal import SOME_CASES_FAILED
    from ckpt_uq.terminal.outcome import name_failures
    from ckpt_uq.terminal.progress import CaseBar
    from kits23.evaluating.system import evaluate_system, find_systems
    from kits23.work import Work

    folder = Work(work).require_prepared()
    some_failed = False
    for name in system or find_systems(folder):
        with CaseBar() as bar:
            done = evaluate_system(folder, name, roi_pixels=roi_pixels, progress=bar.show)
        name_failures(done.failed, context)
        some_failed |= bool(done.failed)
        typer.echo(_line(name, done.metrics))
    if some_failed:
        raise typer.Exit(SOME_CASES_FAILED)


def _line(system: str, metrics: dict[str, Any]) -> str:
    regions = ", ".join(f"{name} {_number(score['dice'])}" for name, score in metrics["kits"].items())
    ece = metrics["ece_percent"]
    calibrated = "no mean_probs.npz, so no ECE" if ece is None else f"ECE {_number(ece)} %"
    flags = sum(metrics["n_flags"].values())
    return f"{system}: {metrics['n_cases']} cases, Dice {regions}; {calibrated}; {flags} flags"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
