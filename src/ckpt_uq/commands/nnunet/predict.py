"""``ckpt-uq nnunet predict``: images in, maps and scores out, by the checkpoints of trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = """Examples:

ckpt-uq nnunet predict -m MODEL -i imagesTs -o predictions

ckpt-uq nnunet predict -m MODEL -i imagesTs -o predictions -f 0,1,2,3,4 -chk best --save-probs

ckpt-uq nnunet predict -m MODEL_2d -m MODEL_3d_fullres -i imagesTs -o predictions -f 0

ckpt-uq nnunet predict -m MODEL_2d -i imagesTs -o predictions --saved saved/3d_fold_0 --saved saved/3d_fold_1

ckpt-uq nnunet predict -m MODEL -i imagesTs -o predictions -num_parts 2 -part_id 1 --device cuda:1

MODEL is a folder TRAINER__PLANS__CONFIGURATION of nnUNet_results. The same command goes on where it was
interrupted.
"""


def predict(
    context: typer.Context,
    models: Annotated[
        list[Path],
        typer.Option(
            "--model", "-m", metavar="MODEL", help="Trained model folder; several are averaged together."
        ),
    ],
    images: Annotated[
        Path, typer.Option("--images", "-i", help="Folder of CASE_0000.nii.gz, CASE_0001.nii.gz, ...")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets cases/NAME/*.nii.gz and scores.csv.")],
    folds: Annotated[
        str | None, typer.Option("--folds", "-f", help="As in 0,1,2 or all; every one there is if left out.")
    ] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            "--checkpoints",
            "-chk",
            help="snapshots (of the manifest), final, best, latest, or a pattern within each fold, as in "
            "'checkpoint_*.pth'; if left out, the snapshots where there are any, else final.",
        ),
    ] = None,
    epochs: Annotated[
        str | None, typer.Option(help="Of the snapshots only these, as in 75,86,94; all if left out.")
    ] = None,
    saved: Annotated[
        list[Path] | None,
        typer.Option(
            "--saved",
            metavar="FOLDER",
            help="Of CASE.npz, as nnU-Net saves probabilities: one member more; may be given more than once.",
        ),
    ] = None,
    mirror: Annotated[
        str,
        typer.Option(
            help="average (the logits of all flips, as nnU-Net does), members (every flip a member), or none."
        ),
    ] = "average",
    step_size: Annotated[
        float, typer.Option("--step-size", "-step_size", help="Of the sliding window, in patches.")
    ] = 0.5,
    device: Annotated[
        str | None, typer.Option(help="Where to compute, as cpu or cuda; the GPU if there is one.")
    ] = None,
    save_probs: Annotated[
        bool,
        typer.Option("--save-probs", help="Write mean_probs.npz too, which evaluate needs for calibration."),
    ] = False,
    class_entropy: Annotated[
        bool, typer.Option("--class-entropy", help="Write the entropy of each class too.")
    ] = False,
    num_parts: Annotated[
        int, typer.Option("--num-parts", "-num_parts", min=1, help="Divide the cases into so many parts.")
    ] = 1,
    part_id: Annotated[
        int, typer.Option("--part-id", "-part_id", min=0, help="Predict this part, counted from 0.")
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make finished cases again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Predict images with the checkpoints of trained nnU-Net models: segmentation, uncertainty maps, scores.

    Each member runs through nnU-Net's own predictor; its probabilities are taken on the image's own grid and
    averaged there, and no member's prediction is kept. A case that fails does not stop the others: it is
    named at the end and the exit code is 3.
    """
    from ckpt_uq.adapters.nnunet.cohort import NnunetSettings, predict_cohort
    from ckpt_uq.terminal.options import choice, numbers
    from ckpt_uq.terminal.outcome import conclude
    from ckpt_uq.terminal.progress import CaseBar

    settings = NnunetSettings(
        models,
        folds=None if folds is None else folds.split(","),
        checkpoints=checkpoints,
        epochs=numbers(epochs, "--epochs", int),
        saved=saved or (),
        mirroring=choice(mirror, "--mirror", ("average", "members", "none")),
        step_size=step_size,
    )
    with CaseBar() as bar:
        outcome = predict_cohort(
            settings,
            images,
            out,
            device=device,
            save_probs=save_probs,
            class_entropy=class_entropy,
            n_parts=num_parts,
            part_id=part_id,
            overwrite=overwrite,
            progress=bar.show,
        )
    conclude(outcome, out, "predicted", context, as_json=as_json)
