"""``ckpt-uq combine``: from folders of saved probabilities to maps and scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ckpt_uq.commands import SOME_CASES_FAILED

if TYPE_CHECKING:
    from ckpt_uq.combining.cohort import CohortOutcome

EPILOG = """Examples, after nnUNetv2_predict ... --save_probabilities for each member:

ckpt-uq combine fold_0 fold_1 fold_2 -o ensemble

ckpt-uq combine peak_*/ -o ensemble --weights 1,1,2 --save-probs

ckpt-uq combine fold_0 fold_1 -o ensemble --regions 1,2,3 --json
"""


def combine(
    members: Annotated[
        list[Path],
        typer.Argument(
            metavar="MEMBER_DIR",
            help="Folders, one a member: CASE.npz (nnU-Net's), CASE.npy or CASE.zarr with probabilities "
            "(C, z, y, x), and CASE.nii.gz, which says where the voxels lie.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets cases/CASE/*.nii.gz and scores.csv.")],
    weights: Annotated[
        str | None, typer.Option(help="One positive number a member, as in 1,1,2; equal if left out.")
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            help="Channels are regions that may overlap: the labels they paint, in this order, as in 1,2,3."
        ),
    ] = None,
    slice_axis: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2,
            help="Axis of (z, y, x) along which slices follow each other, for the contour score; if left "
            "out, the one nearest to head and feet.",
        ),
    ] = None,
    save_probs: Annotated[
        bool, typer.Option("--save-probs", help="Write mean_probs.npz too, in half precision.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make finished cases again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Average members' saved probabilities; write segmentation, entropy, mutual information and scores.

    Every case of the member folders is read slab by slab, so neither its size nor the number of members
    matters to memory. A case that fails does not stop the others: it is named at the end and the exit code is
    3. Called again, the command goes on with the cases that are not finished.
    """
    from ckpt_uq.combining.cohort import combine_cohort
    from ckpt_uq.terminal.options import numbers

    with _Bar() as bar:
        outcome = combine_cohort(
            members,
            out,
            weights=numbers(weights, "--weights", float),
            region_order=numbers(regions, "--regions", int),
            slice_axis=slice_axis,
            save_probs=save_probs,
            overwrite=overwrite,
            progress=bar.show,
        )
    for name, message in outcome.failed.items():
        typer.echo(f"{name} failed: {message}", err=True)
    typer.echo(json.dumps(_plain(outcome, out)) if as_json else _summary(outcome, out))
    if outcome.failed:
        raise typer.Exit(SOME_CASES_FAILED)


class _Bar:
    """A bar on stderr that counts cases, and moves within them."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import Progress, TimeRemainingColumn

        self._progress = Progress(
            *Progress.get_default_columns()[:-1], TimeRemainingColumn(), console=Console(stderr=True)
        )
        self._task = self._progress.add_task("reading folders", total=None)
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, case: str, done: float, n_cases: int) -> None:
        self._progress.update(self._task, description=case, completed=done, total=n_cases)


def _plain(outcome: CohortOutcome, out: Path) -> dict[str, Any]:
    return {
        "out": str(out),
        "scores": str(outcome.scores),
        "combined": outcome.combined,
        "kept": outcome.kept,
        "failed": outcome.failed,
    }


def _summary(outcome: CohortOutcome, out: Path) -> str:
    counts = [
        (len(outcome.combined), "combined"),
        (len(outcome.kept), "finished before"),
        (len(outcome.failed), "failed"),
    ]
    said = ", ".join(f"{n} {what}" for n, what in counts if n)
    return f"{said}: {out}"
