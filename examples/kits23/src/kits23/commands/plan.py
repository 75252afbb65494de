"""``kits23 plan``: nnU-Net looks at the data, plans, and preprocesses."""

from __future__ import annotations

from typing import Annotated

import typer

from kits23.work import WorkOption

EPILOG = """Examples:

kits23 plan work

kits23 plan work --configurations 2d --processes 8
"""


def plan(
    work: WorkOption,
    small: Annotated[
        bool, typer.Option("--small", help="A network, patch and batch that a processor trains in minutes.")
    ] = False,
    configurations: Annotated[
        str, typer.Option(help="Which to preprocess: 2d, 3d_fullres, or both.")
    ] = "2d,3d_fullres",
    processes: Annotated[int, typer.Option(min=1, help="At once; each of them holds a scan.")] = 4,
) -> None:
    """Extract the fingerprint, plan ResEnc-L and preprocess, all by nnU-Net's own programs.

    The plans are RelUNetPlans: those of nnUNetPlannerResEncL with a batch of 40 in 2d, as in the paper, and
    folders of their own for the data. Normalisation is what prepare was told. Logs are in WORK/logs.
    """
    from ckpt_uq.terminal.options import choice
    from kits23.training.planning import plan as plan_and_preprocess
    from kits23.training.plans import CONFIGURATIONS
    from kits23.work import Work

    chosen = [choice(name, "--configurations", CONFIGURATIONS) for name in configurations.split(",")]
    plans = plan_and_preprocess(Work(work), small=small, configurations=chosen, n_processes=processes)
    for name in chosen:
        one = plans["configurations"][name]
        typer.echo(
            f"{name}: patch {'x'.join(map(str, one['patch_size']))}, batch {one['batch_size']}, "
            f"{', '.join(one['normalization_schemes'])}"
        )
