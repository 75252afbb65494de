"""A checkout of KiTS23, found and verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ckpt_uq.errors import ArgumentError, CkptUQError, DataError
from ckpt_uq.io.nifti import read_geometry, read_volume
from kits23.work import CLASSES

IMAGE = "imaging.nii.gz"
LABELS = "segmentation.nii.gz"

EXPECTED = tuple(f"case_{number:05d}" for number in (*range(300), *range(400, 589)))
"""The 489 public cases of KiTS23."""

_NAMED = 10


class KitsCase(NamedTuple):
    """One patient's files."""

    name: str
    image: Path
    labels: Path


def find_cases(checkout: Path, *, partial: bool = False) -> list[KitsCase]:
    """List the cases of a checkout, in order.

    Parameters
    ----------
    checkout : Path
        Holds ``case_XXXXX/imaging.nii.gz`` and ``segmentation.nii.gz``, itself or in ``dataset/``.
    partial : bool
        Take the cases that are there; otherwise all 489 must be.

    Raises
    ------
    ArgumentError
        There is no such folder.
    DataError
        There are no cases, or files are missing.
    """
    if not checkout.is_dir():
        raise ArgumentError(f"--from must be a checkout of KiTS23, found no folder at {checkout}")
    inner = checkout / "dataset"
    folder = inner if inner.is_dir() else checkout
    names = sorted(path.name for path in folder.glob("case_?????") if path.is_dir())
    if not names:
        raise DataError(f"{folder} must hold case_XXXXX/{IMAGE} and {LABELS}, found no case")
    missing = [] if partial else sorted(set(EXPECTED) - set(names))
    if missing:
        raise DataError(
            f"{folder} must hold the {len(EXPECTED)} cases of KiTS23, {_listed(missing)} missing; finish the "
            "download, or give --partial to go on with those that are there"
        )
    cases = [KitsCase(name, folder / name / IMAGE, folder / name / LABELS) for name in names]
    absent = [str(path) for case in cases for path in case[1:] if not path.is_file()]
    if absent:
        raise DataError(f"every case must have {IMAGE} and {LABELS}, {_listed(absent)} missing")
    return cases


def verify_cases(
    cases: Sequence[KitsCase], *, progress: Callable[[str, int], None] = lambda name, done: None
) -> dict[str, str]:
    """Read the labels of every case and the place of its image; say of each odd one what is wrong.

    Parameters
    ----------
    cases : sequence of KitsCase
        What to verify.
    progress : callable
        Told the name of every case that is done, and how many are.

    Returns
    -------
    dict
        By name; empty if all is well.
    """
    wrong = {}
    with ThreadPoolExecutor() as pool:  # unpacking leaves Python's lock to others
        for done, (case, fault) in enumerate(zip(cases, pool.map(_fault_of, cases), strict=True), start=1):
            if fault is not None:
                wrong[case.name] = fault
            progress(case.name, done)
    return wrong


def require_verified(wrong: dict[str, str]) -> None:
    """Raise if a case is odd, naming each and what is wrong with it.

    Raises
    ------
    DataError
        With all of them.
    """
    if wrong:
        faults = "; ".join(f"{name}: {fault}" for name, fault in wrong.items())
        raise DataError(f"cases must be whole, got {len(wrong)} that are not: {faults}")


def _fault_of(case: KitsCase) -> str | None:
    try:
        place = read_geometry(case.image)
        labels = read_volume(case.labels)
    except CkptUQError as error:
        return str(error)
    difference = place.difference(labels.geometry)
    if difference is not None:
        return f"image and labels must lie in the same place, got {difference}"
    found = np.unique(labels.data).tolist()
    allowed = range(len(CLASSES) + 1)
    if any(value not in allowed for value in found):
        return f"labels must be 0 to {len(CLASSES)}, got {found[:_NAMED]}"
    if 1 not in found:
        return f"labels must have a kidney, 1, got {found}"
    return None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    verb = "is" if len(names) == 1 else "are"
    return f"{shown} and {len(names) - _NAMED} more {verb}" if len(names) > _NAMED else f"{shown} {verb}"
