"""Cases one after the other: finished ones stay, and a bad one does not stop the others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ckpt_uq.case_folder import clear, mark_done, read_done
from ckpt_uq.errors import ArgumentError, CkptUQError, DataError
from ckpt_uq.io.scores_csv import write_scores

SCORES = "scores.csv"

Progress = Callable[[str, float, int], None]
Make = Callable[[str, Path, Callable[[float], None]], dict[str, Any]]


@dataclass(frozen=True)
class CohortOutcome:
    """What became of every case.

    Attributes
    ----------
    made, kept : tuple of str
        Cases that were made now, and those that were there already.
    failed : dict
        What went wrong, by case.
    scores : Path
        Table of the scores of all that are there, one row a case.
    """

    made: tuple[str, ...]
    kept: tuple[str, ...]
    failed: dict[str, Exception]
    scores: Path


def run_cohort(
    cases: Mapping[str, Mapping[str, Any]],
    out: str | Path,
    make: Make,
    *,
    needs: Collection[str] = (),
    overwrite: bool = False,
    progress: Progress = lambda case, done, n_cases: None,
    elsewhere: Collection[str] = (),
) -> CohortOutcome:
    """Make the folder of every case that is not there yet, and the table of all their scores.

    A case is finished when its ``case.json`` is there, which is written last, so a call after an
    interruption goes on where it was.

    Parameters
    ----------
    cases : mapping of str to mapping
        What the files of each case depend on, plain enough for JSON.
    out : path
        Gets ``cases/NAME/`` for every case, and ``scores.csv``.
    make : callable
        Called as ``make(name, folder, report)``: clears and fills the folder once its input is known to be
        good, tells ``report`` the fraction that is done now and then, returns what ``case.json`` shall
        say, ``scores`` (a number by name) and ``contour_settings`` among it.
    needs : collection of str
        Files that a finished case must have.
    overwrite : bool
        Make finished cases again.
    progress : callable
        Told the name of the case at work, how many cases are done, with fractions, and how many there are.
    elsewhere : collection of str
        Cases that other processes make in the same `out`; those that are done are in the table too.

    Returns
    -------
    CohortOutcome

    Raises
    ------
    ArgumentError
        `out` has cases that were made with other settings.
    DataError
        `out` cannot be written to.
    """
    folders = {name: writable(out) / "cases" / name for name in cases}
    kept = [] if overwrite else [n for n in cases if _is_finished(folders[n], dict(cases[n]), needs)]
    failed: dict[str, Exception] = {}
    for index, name in enumerate(cases):

        def report(done: float, name: str = name, index: int = index) -> None:
            progress(name, index + done, len(cases))

        report(0)
        if name not in kept:
            try:
                content = make(name, folders[name], report)
                mark_done(folders[name], {"settings": dict(cases[name]), **content})
            except (CkptUQError, OSError) as error:
                failed[name] = error
                _discard_unless_whole(folders[name])
        report(1)
    made = tuple(name for name in cases if name not in kept and name not in failed)
    _write_table(Path(out), sorted({*cases, *elsewhere}) if elsewhere else list(cases), failed)
    return CohortOutcome(made, tuple(kept), failed, Path(out) / SCORES)


def _write_table(out: Path, names: Sequence[str], failed: Collection[str]) -> None:
    """Write the rows of all cases that are done, again if others were done meanwhile.

    Processes that share a folder may write at the same time: the last to write has seen all.
    """
    rows: dict[str, Any] | None = None
    while rows != (rows := _rows(out, names, failed)):
        write_scores(out / SCORES, rows)


def _rows(out: Path, names: Sequence[str], failed: Collection[str]) -> dict[str, Any]:
    done = {name: read_done(out / "cases" / name) for name in names if name not in failed}
    return {name: _row(content) for name, content in done.items() if content}


def _row(done: Mapping[str, Any]) -> dict[str, float | str | None]:
    return {**done["scores"], "contour_settings": json.dumps(done["contour_settings"])}


def writable(out: str | Path) -> Path:
    """Make the folder that results go to, or say why it cannot hold them."""
    out = results_folder(out, "cases")
    if not os.access(out / "cases", os.W_OK):
        raise DataError(f"out must be a folder that can be written to, {out} is read-only; choose another")
    return out


def results_folder(out: str | Path, within: str = "") -> Path:
    """Make a folder for results, and one within it; return the first.

    Raises
    ------
    DataError
        It cannot be made, as where a file has that name.
    """
    out = Path(out)
    try:
        (out / within).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"out must be a folder that can be written to, got {out}: {error.strerror}"
        ) from error
    return out


def _discard_unless_whole(folder: Path) -> None:
    """Leave nothing of a failed case that could be taken for a result; a whole one, made before, stays."""
    if read_done(folder) is not None or not folder.exists():
        return
    with suppress(OSError):  # the disk may be what failed
        clear(folder)
        folder.rmdir()


def _is_finished(folder: Path, settings: dict[str, Any], needs: Collection[str]) -> bool:
    done = read_done(folder)
    if done is None or not all((folder / name).is_file() for name in needs):
        return False
    asked = json.loads(json.dumps(settings))
    theirs = done.get("settings", {})
    differing = [name for name in {**theirs, **asked} if theirs.get(name) != asked.get(name)]
    if differing:
        how = "; ".join(f"{name} {theirs.get(name)!r}, now {asked.get(name)!r}" for name in differing)
        raise ArgumentError(
            f"out has {folder.name} already, made with other settings: {how}; choose another folder, or "
            "overwrite"
        )
    return True
