"""Fingerprint, plans and preprocessed cases, by nnU-Net's own programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.json_file import write_json
from kits23.training.plans import CONFIGURATIONS, PLANNED, PLANNER, PLANS, rel_unet_plans
from kits23.training.programs import run_program
from kits23.work import DATASET, DATASET_ID, Work


def plans_path(work: Work) -> Path:
    """The plans that trainings use."""
    return work.nnunet_preprocessed / DATASET / f"{PLANS}.json"


def planned_mark(work: Work) -> Path:
    """Written last, so it tells that all cases are preprocessed."""
    return work.root / "plan.json"


def plan(
    work: Work,
    *,
    small: bool = False,
    configurations: Sequence[str] = CONFIGURATIONS,
    n_processes: int = 4,
) -> dict[str, Any]:
    """Let nnU-Net look at the data, plan, and preprocess; return the plans.

    Parameters
    ----------
    work : Work
        The folder, prepared.
    small : bool
        See :func:`~kits23.training.plans.rel_unet_plans`.
    configurations : sequence of str
        Which to preprocess; all are planned.
    n_processes : int
        At once; each holds a scan.

    Raises
    ------
    ArgumentError
        Nothing was prepared.
    ProgramError
        A program of nnU-Net failed.
    """
    work.require_prepared()
    planned_mark(work).unlink(missing_ok=True)
    settings = {"nnUNet_n_proc_DA": "1"}  # counts threads here, and must not be 0
    number, processes = str(DATASET_ID), str(n_processes)
    extract = ["-d", number, "-np", processes, "--verify_dataset_integrity", "--no_pbar"]
    run_program(work, "nnUNetv2_extract_fingerprint", extract, settings=settings, log="plan")
    planning = ["-d", number, "-pl", PLANNER]
    run_program(work, "nnUNetv2_plan_experiment", planning, settings=settings, log="plan")
    plans = rel_unet_plans(_read(plans_path(work).with_name(f"{PLANNED}.json")), small=small)
    write_json(plans_path(work), plans)
    shutil.copyfile(work.splits, plans_path(work).with_name("splits_final.json"))
    preprocess = ["-d", number, "-plans_name", PLANS, "-c", *configurations, "-np", processes, "--no_pbar"]
    run_program(work, "nnUNetv2_preprocess", preprocess, settings=settings, log="plan")
    write_json(planned_mark(work), {"plans": PLANS, "small": small, "configurations": list(configurations)})
    return plans


def require_planned(work: Work, configuration: str) -> None:
    """Raise unless a configuration was planned and preprocessed.

    Raises
    ------
    ArgumentError
        Naming what to run first.
    """
    mark = planned_mark(work)
    there = _read(mark).get("configurations", []) if mark.is_file() else []
    if configuration not in there:
        raise ArgumentError(
            f"WORK must hold preprocessed cases of {configuration}, {work.root} has those of "
            f"{', '.join(there) or 'no configuration'}; run kits23 plan first"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must be readable plans: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold plans, got {type(content).__name__}")
    return content
