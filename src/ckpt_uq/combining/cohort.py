"""All cases of some members: finished ones stay, and a bad one does not stop the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ckpt_uq.case_folder import MEAN_PROBS, class_entropy_name
from ckpt_uq.cohort import CohortOutcome, Progress, run_cohort
from ckpt_uq.combining.case import combine_case
from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.grid import as_slice_axis
from ckpt_uq.io.probabilities import find_cases


def combine_cohort(
    members: Sequence[str | Path],
    out: str | Path,
    *,
    weights: Sequence[float] | None = None,
    region_order: Sequence[int] | None = None,
    slice_axis: int | None = None,
    save_probs: bool = False,
    class_entropy: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda case, done, total: None,
) -> CohortOutcome:
    """Average what members predicted for every case, and write maps and scores.

    A case is finished when its ``case.json`` is there, which is written last, so a call after an
    interruption goes on where it was.

    Parameters
    ----------
    members : sequence of path
        One folder a member, each with a file of probabilities per case; see :mod:`ckpt_uq.io.probabilities`.
    out : path
        Gets ``cases/NAME/`` for every case, and ``scores.csv``.
    weights : sequence of float, optional
        One a member, positive; equal by default.
    region_order : sequence of int, optional
        The channels are independent regions, and these are the labels they paint, later over earlier ones.
    slice_axis : {0, 1, 2}, optional
        Axis of (z, y, x) along which slices follow each other, for the contour score; by default the one
        nearest to head and feet.
    save_probs : bool
        Also write the mean probabilities, in half precision.
    class_entropy : bool
        Also write the binary entropy of every class but the background, or of every region.
    overwrite : bool
        Make finished cases again.
    progress : callable
        Told the name of the case at work, how many cases are done, with fractions, and how many there are.

    Returns
    -------
    CohortOutcome

    Raises
    ------
    ArgumentError
        A folder or an option makes no sense, or `out` has cases that were made with other settings.
    DataError
        No member has a case, or `out` cannot be written to.
    """
    settings = _settings(members, weights, region_order, slice_axis)
    found = [find_cases(member) for member in members]
    names = sorted(set().union(*found))
    if not names:
        raise DataError(
            f"members must hold CASE.npz, .npy or .zarr, found none in {', '.join(map(str, members))}"
        )

    def make(name: str, folder: Path, report: Callable[[float], None]) -> dict[str, Any]:
        scored = combine_case(
            _paths(name, found, members),
            folder,
            weights=settings["weights"],
            region_order=settings["region_order"] and tuple(settings["region_order"]),
            slice_axis=settings["slice_axis"],
            save_probs=save_probs,
            class_entropy=class_entropy,
            progress=report,
        )
        return asdict(scored)

    return run_cohort(
        {name: settings for name in names},
        out,
        make,
        needs=_needed(settings["region_order"], save_probs=save_probs, class_entropy=class_entropy),
        overwrite=overwrite,
        progress=progress,
    )


def _needed(region_order: Sequence[int] | None, *, save_probs: bool, class_entropy: bool) -> list[str]:
    """Files of a finished case; of the class entropies one, because a case has all of them or none."""
    of_class = class_entropy_name(1) if region_order is None else class_entropy_name(0, tuple(region_order))
    return [MEAN_PROBS] * save_probs + [of_class] * class_entropy


def _settings(
    members: Sequence[str | Path],
    weights: Sequence[float] | None,
    region_order: Sequence[int] | None,
    slice_axis: int | None,
) -> dict[str, Any]:
    """What the maps and scores depend on, plain enough for JSON."""
    folders = [str(Path(member).resolve()) for member in members]
    if not folders or len(set(folders)) < len(folders):
        raise ArgumentError(f"members must be different folders, at least one, got {list(map(str, members))}")
    shares = [1.0] * len(folders) if weights is None else [float(weight) for weight in weights]
    if len(shares) != len(folders) or not all(math.isfinite(share) and share > 0 for share in shares):
        raise ArgumentError(f"weights must be {len(folders)} positive numbers, one a member, got {weights}")
    axis = None if slice_axis is None else as_slice_axis(slice_axis, ndim=3)
    return {
        "members": folders,
        "weights": shares,
        "region_order": None if region_order is None else [int(label) for label in region_order],
        "slice_axis": axis,
    }


def _paths(name: str, found: Sequence[Mapping[str, Path]], members: Sequence[str | Path]) -> list[Path]:
    missing = [str(member) for member, cases in zip(members, found, strict=True) if name not in cases]
    if missing:
        raise DataError(
            f"every member must have {name}, it is missing in {', '.join(missing)}; predict it there"
        )
    return [cases[name] for cases in found]
