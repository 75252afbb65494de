"""``ckpt-uq predict``: images in, maps and scores out, by the checkpoints of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ckpt_uq.terminal.options import choice, offering

if TYPE_CHECKING:
    import torch

    from ckpt_uq.moments import Outputs
    from ckpt_uq.predicting.steps import Steps

OUTPUTS: tuple[Outputs, ...] = ("logits", "probs", "regions")

EPILOG = """Examples:

ckpt-uq predict runs/a --model my_network:make_3d scans/ -o predictions --save-probs

ckpt-uq predict runs/b --model my_network:make --inferer slices case1.nii.gz case2.nii.gz -o two

ckpt-uq predict runs/a --model my_network:make_3d --preprocess my_network:prepare
--postprocess my_network:restore scans/ -o restored --device cuda

ckpt-uq predict runs/b --model my_network:make --inferer slices scans/ -o calibrated
--transform calibration.json

The same command goes on where it was interrupted.
"""


def predict(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, with its manifest.json.")],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES", help="Images (.nii.gz, .nii, .npy, .npz, .zarr, .png), or folders of them."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="module:function that takes nothing and returns the architecture, a torch.nn.Module; the "
            "current folder is searched first."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets cases/NAME/*.nii.gz and scores.csv.")],
    preprocess: Annotated[
        str | None,
        typer.Option(
            help="module:function from a Volume (data z,y,x; affine) to the network's input (C_in, ...), "
            "floating point; the standardised image if left out."
        ),
    ] = None,
    postprocess: Annotated[
        str | None,
        typer.Option(
            help="module:function from one member's output (C, ...), a tensor, and the Volume to (C, z, y, x)"
            " on the image's grid; needed where preprocess changes the grid."
        ),
    ] = None,
    inferer: Annotated[
        str | None,
        typer.Option(
            help="slices, for a 2D network on volumes, or module:function called with (batch, network), such "
            "as a sliding window."
        ),
    ] = None,
    epochs: Annotated[
        str | None, typer.Option(help="Only these snapshots, as in 75,86,94; all that were kept if left out.")
    ] = None,
    outputs: Annotated[
        str,
        typer.Option(
            help="What the network returns: logits, probs, or regions (logits of each).",
            autocompletion=offering(*OUTPUTS),
        ),
    ] = "logits",
    regions: Annotated[
        str | None, typer.Option(help="With regions: the labels they paint, in this order, as in 1,2,3.")
    ] = None,
    transform: Annotated[
        Path | None,
        typer.Option(help="A calibration that ckpt-uq calibrate or save_transform wrote, to apply."),
    ] = None,
    transform_at: Annotated[
        str,
        typer.Option(
            help="mean: the calibration is of the mean probability, as calibrate fits it; members: of each "
            "member's logits, before they are averaged."
        ),
    ] = "mean",
    device: Annotated[
        str | None, typer.Option(help="Where to compute, as cpu or cuda; where the model is if left out.")
    ] = None,
    save_probs: Annotated[
        bool,
        typer.Option("--save-probs", help="Write mean_probs.npz too, which evaluate needs for calibration."),
    ] = False,
    save_members: Annotated[
        bool,
        typer.Option(
            "--save-members",
            help="Write member_labels.npz too, and scores of how much the members disagree (pairwise Dice, "
            "volume).",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make finished cases again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Predict images with the checkpoints of a run: segmentation, entropy, mutual information, scores.

    Every case gets a folder with NIfTI files on the image's own grid. A case that fails does not stop the
    others: it is named at the end and the exit code is 3.
    """
    from ckpt_uq.predicting.cohort import RunSettings, predict_cohort
    from ckpt_uq.predicting.images import find_images
    from ckpt_uq.terminal.options import numbers
    from ckpt_uq.terminal.outcome import conclude
    from ckpt_uq.terminal.progress import CaseBar

    named = {"model": model, "preprocess": preprocess, "postprocess": postprocess, "inferer": inferer}
    settings = RunSettings(
        run,
        epochs=numbers(epochs, "--epochs", int),
        outputs=choice(outputs, "--outputs", OUTPUTS),
        region_order=numbers(regions, "--regions", int),
        names=named,
        transform=transform,
        transform_at=choice(transform_at, "--transform-at", ("mean", "members")),
    )
    steps, found, network = _steps(preprocess, postprocess, inferer), find_images(images), _network(model)
    _require_device(device)
    with CaseBar() as bar:
        outcome = predict_cohort(
            settings,
            network,
            found,
            out,
            steps=steps,
            device=device,
            save_probs=save_probs,
            save_members=save_members,
            overwrite=overwrite,
            progress=bar.show,
        )
    conclude(outcome, out, "predicted", context, as_json=as_json)


def _network(spec: str) -> torch.nn.Module:
    import torch

    from ckpt_uq.errors import ArgumentError
    from ckpt_uq.terminal.named_function import named_function

    factory = named_function(spec, "--model")
    try:
        network = factory()
    except Exception as error:  # the user's code may raise anything
        raise ArgumentError(f"--model: {spec}() failed, {type(error).__name__}: {error}") from error
    if not isinstance(network, torch.nn.Module):
        raise ArgumentError(f"--model: {spec}() must return a torch.nn.Module, got {type(network).__name__}")
    return network


def _steps(preprocess: str | None, postprocess: str | None, inferer: str | None) -> Steps:
    from ckpt_uq.predicting.slices import slices
    from ckpt_uq.predicting.steps import Steps, standardised
    from ckpt_uq.terminal.named_function import named_function

    return Steps(
        standardised if preprocess is None else named_function(preprocess, "--preprocess"),
        None if postprocess is None else named_function(postprocess, "--postprocess"),
        None if inferer is None else slices if inferer == "slices" else named_function(inferer, "--inferer"),
    )


def _require_device(device: str | None) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise typer.BadParameter(
            f"must be a device of this machine, got {device!r}: {str(error).splitlines()[0]}",
            param_hint="--device",
        ) from None
