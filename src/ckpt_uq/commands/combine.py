"""``ckpt-uq combine``: from folders of saved probabilities to maps and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = """Examples, after nnUNetv2_predict ... --save_probabilities for each member:

ckpt-uq combine fold_0 fold_1 fold_2 -o ensemble

ckpt-uq combine peak_*/ -o weighted --weights 1,1,2 --save-probs

ckpt-uq combine fold_0 fold_1 -o of_regions --regions 1,2,3 --json
"""


def combine(
    context: typer.Context,
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
    class_entropy: Annotated[
        bool, typer.Option("--class-entropy", help="Write the entropy of each class too.")
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
    from ckpt_uq.terminal.outcome import conclude
    from ckpt_uq.terminal.progress import CaseBar

    with CaseBar() as bar:
        outcome = combine_cohort(
            members,
            out,
            weights=numbers(weights, "--weights", float),
            region_order=numbers(regions, "--regions", int),
            slice_axis=slice_axis,
            save_probs=save_probs,
            class_entropy=class_entropy,
            overwrite=overwrite,
            progress=bar.show,
        )
    conclude(outcome, out, "combined", context, as_json=as_json)
