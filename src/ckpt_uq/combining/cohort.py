"""All cases of some members: finished ones stay, and a bad one does not stop the others."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ckpt_uq.combining.case import combine_case
from ckpt_uq.combining.outputs import MEAN_PROBS, mark_done, read_done
from ckpt_uq.errors import ArgumentError, CkptUQError, DataError
from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.io.probabilities import find_cases

SCORES = "scores.csv"

Progress = Callable[[str, float, int], None]


@dataclass(frozen=True)
class CohortOutcome:
    """What became of every case.

    Attributes
    ----------
    combined, kept : tuple of str
        Cases that were made now, and those that were there already.
    failed : dict
        What went wrong, by case.
    scores : Path
        Table of the scores of all that are there, one row a case.
    """

    combined: tuple[str, ...]
    kept: tuple[str, ...]
    failed: dict[str, str]
    scores: Path


def combine_cohort(
    members: Sequence[str | Path],
    out: str | Path,
    *,
    weights: Sequence[float] | None = None,
    region_order: Sequence[int] | None = None,
    slice_axis: int | None = None,
    save_probs: bool = False,
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
    cases = _writable(Path(out)) / "cases"
    kept = () if overwrite else tuple(_finished(cases, names, settings, save_probs))
    failed: dict[str, str] = {}
    for index, name in enumerate(names):
        report = partial(_report, progress, name, index, len(names))
        report(0)
        if name in kept:
            continue
        try:
            scored = combine_case(
                _paths(name, found, members),
                cases / name,
                weights=settings["weights"],
                region_order=settings["region_order"] and tuple(settings["region_order"]),
                slice_axis=slice_axis,
                save_probs=save_probs,
                progress=report,
            )
            mark_done(
                cases / name,
                {"settings": settings, "scores": scored.scores, "contour_settings": scored.contour_settings},
            )
        except (CkptUQError, OSError) as error:
            failed[name] = str(error)
        report(1)
    combined = tuple(name for name in names if name not in kept and name not in failed)
    _write_scores(Path(out) / SCORES, {name: cases / name for name in names if name not in failed})
    return CohortOutcome(combined, kept, failed, Path(out) / SCORES)


def _report(progress: Progress, name: str, index: int, n_cases: int, done: float) -> None:
    progress(name, index + done, n_cases)


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
    if slice_axis not in (None, 0, 1, 2):
        raise ArgumentError(f"slice_axis must be 0, 1 or 2, got {slice_axis}")
    return {
        "members": folders,
        "weights": shares,
        "region_order": None if region_order is None else [int(label) for label in region_order],
        "slice_axis": slice_axis,
    }


def _writable(out: Path) -> Path:
    try:
        (out / "cases").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"out must be a folder that can be written to, got {out}: {error.strerror}"
        ) from error
    if not os.access(out / "cases", os.W_OK):
        raise DataError(f"out must be a folder that can be written to, {out} is read-only; choose another")
    return out


def _finished(cases: Path, names: Sequence[str], settings: dict[str, Any], save_probs: bool) -> list[str]:
    finished = []
    for name in names:
        done = read_done(cases / name)
        if done is None or (save_probs and not (cases / name / MEAN_PROBS).is_file()):
            continue
        if done["settings"] != settings:
            raise ArgumentError(
                f"out has {name} already, made with {done['settings']}, now asked for with {settings}; "
                "choose another folder, or overwrite"
            )
        finished.append(name)
    return finished


def _paths(name: str, found: Sequence[Mapping[str, Path]], members: Sequence[str | Path]) -> list[Path]:
    missing = [str(member) for member, cases in zip(members, found, strict=True) if name not in cases]
    if missing:
        raise DataError(
            f"every member must have {name}, it is missing in {', '.join(missing)}; predict it there"
        )
    return [cases[name] for cases in found]


def _write_scores(path: Path, folders: Mapping[str, Path]) -> None:
    """Write one row a case, from what the cases' own files say; a score that is none is an empty cell."""
    rows = [
        {"case": name, **done["scores"], "contour_settings": json.dumps(done["contour_settings"])}
        for name, folder in folders.items()
        if (done := read_done(folder)) is not None
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = io.StringIO()
    writer = csv.DictWriter(table, columns or ["case"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes_atomic(path, table.getvalue().encode())
