"""``kits23 predict``: the test cases by the systems."""

from __future__ import annotations

from typing import Annotated

import typer

from kits23.work import WorkOption

EPILOG = """Examples:

kits23 predict work

kits23 predict work --system rel_unet --device cuda:1 --num-parts 2 --part-id 1

The same command goes on where it was interrupted.
"""


def predict(
    context: typer.Context,
    work: WorkOption,
    system: Annotated[
        list[str] | None,
        typer.Option(help="As for train; may be given more than once. All that are trained if left out."),
    ] = None,
    mirror: Annotated[
        str, typer.Option(help="average (nnU-Net's), members (every flip a member), or none.")
    ] = "average",
    device: Annotated[str | None, typer.Option(help="As cpu or cuda; the GPU if there is one.")] = None,
    num_parts: Annotated[int, typer.Option(min=1, help="Divide the cases into so many parts.")] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Predict this part, counted from 0.")] = 0,
) -> None:
    """Predict the test cases: segmentation, mean probabilities, entropies, mutual information, scores.

    Writes WORK/predictions/SYSTEM. A case that fails is named, and the exit code is 3.
    """
    from ckpt_uq.adapters.nnunet.flips import Mirroring
    from ckpt_uq.terminal import SOME_CASES_FAILED
    from ckpt_uq.terminal.options import choice
    from ckpt_uq.terminal.outcome import name_failures
    from ckpt_uq.terminal.progress import CaseBar
    from kits23.training.prediction import predict as predict_system
    from kits23.training.prediction import trained_systems
    from kits23.work import Work

    folder, some_failed = Work(work).require_prepared(), False
    mirroring: Mirroring = choice(mirror, "--mirror", ("average", "members", "none"))
    for name in system or trained_systems(folder):
        with CaseBar() as bar:
            outcome = predict_system(
                folder,
                name,
                device=device,
                mirroring=mirroring,
                n_parts=num_parts,
                part_id=part_id,
                progress=bar.show,
            )
        name_failures(outcome.failed, context)
        some_failed |= bool(outcome.failed)
        typer.echo(f"{name}: {len(outcome.made)} predicted, {len(outcome.kept)} finished before")
    if some_failed:
        raise typer.Exit(SOME_CASES_FAILED)
