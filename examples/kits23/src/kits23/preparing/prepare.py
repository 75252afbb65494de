"""The two ways to a data set: KiTS23 itself, and simulation."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ckpt_uq.cohort import Progress
from kits23.preparing.checkout import find_cases, require_verified, verify_cases
from kits23.preparing.dataset import finish_dataset, image_path, labels_path, place, start_dataset
from kits23.preparing.simulated import sources, table_in, write_simulated
from kits23.preparing.split import split_cases
from kits23.work import Work


@dataclass(frozen=True)
class Preparation:
    """What both ways have in common.

    Attributes
    ----------
    split : {'paper', 'benchmark'}
        Shares of test cases.
    normalisation : {'per-case', 'ct'}
        What nnU-Net shall do.
    seed : int
        Of the split, and of the simulation.
    overwrite : bool
        Make again what is there.
    """

    split: str = "paper"
    normalisation: str = "per-case"
    seed: int = 0
    overwrite: bool = False


def prepare_kits(
    work: Work,
    checkout: Path,
    settings: Preparation,
    *,
    partial: bool = False,
    progress: Progress = lambda case, done, n_cases: None,
) -> dict[str, Any]:
    """Verify a checkout of KiTS23 and lay it out; return what prepare.json says.

    Raises
    ------
    DataError
        Cases are missing or odd; all of them are named, and nothing is written.
    """
    cases = find_cases(checkout, partial=partial)
    require_verified(verify_cases(cases, progress=lambda name, done: progress(name, done, len(cases))))
    split = split_cases([case.name for case in cases], settings.split, settings.seed)
    start_dataset(work, overwrite=settings.overwrite)
    how: Counter[str] = Counter()
    for case in cases:
        test = case.name in split.test
        how[place(case.image, image_path(work, case.name, test=test))] += 1
        how[place(case.labels, labels_path(work, case.name, test=test))] += 1
    said = {
        "source": "KiTS23",
        "checkout": str(checkout.resolve()),
        "files": dict(how),
        "split": settings.split,
        "seed": settings.seed,
    }
    return finish_dataset(work, split, settings.normalisation, said)


def prepare_simulated(
    work: Work,
    n: int,
    settings: Preparation,
    *,
    full_size: bool = False,
    kind: str = "both",
    progress: Progress = lambda case, done, n_cases: None,
) -> dict[str, Any]:
    """Simulate scans and lay them out; return what prepare.json says.

    The folder that CKPT_UQ_DATA names, if it does, gives real label volumes and intensities.
    """
    named = os.environ.get("CKPT_UQ_DATA")
    data = Path(named) if named and Path(named).is_dir() else None
    chosen, table = sources(n, data, kind), table_in(data)
    split = split_cases([source.name for source in chosen], settings.split, settings.seed)
    start_dataset(work, overwrite=settings.overwrite)
    made = {}
    for index, source in enumerate(chosen):

        def report(done: float, name: str = source.name, index: int = index) -> None:
            progress(name, index + done, n)

        made[source.name] = write_simulated(
            work,
            source,
            seed=settings.seed,
            test=source.name in split.test,
            full_size=full_size,
            table=table,
            progress=report,
        )
    n_real = sum(source.labels is not None for source in chosen)
    said = {
        "source": f"simulated CT ({n_real} of real KiTS23 labels, {n - n_real} of the phantom's)",
        "full_size": full_size,
        "intensities": "real cases of KiTS23" if table else "summary of KiTS23's cases",
        "split": settings.split,
        "seed": settings.seed,
        "cases": made,
    }
    return finish_dataset(work, split, settings.normalisation, said)
