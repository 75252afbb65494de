"""The test cases by the checkpoints of a system."""

from __future__ import annotations

from pathlib import Path

from ckpt_uq.adapters.nnunet.cohort import NnunetSettings, predict_cohort
from ckpt_uq.adapters.nnunet.flips import Mirroring
from ckpt_uq.cohort import CohortOutcome, Progress
from ckpt_uq.errors import ArgumentError
from kits23.training.recipes import RECIPES, Recipe, recipe
from kits23.work import Work


def trained_systems(work: Work) -> list[str]:
    """Names of the systems whose trainings are all finished.

    Raises
    ------
    ArgumentError
        There is none.
    """
    found = [name for name, one in RECIPES.items() if _is_trained(work, one)]
    if not found:
        raise ArgumentError(f"WORK must hold finished trainings, found none in {work.root}; run kits23 train")
    return found


def predict(
    work: Work,
    system: str,
    *,
    device: str | None = None,
    mirroring: Mirroring = "average",
    n_parts: int = 1,
    part_id: int = 0,
    progress: Progress = lambda case, done, n_cases: None,
) -> CohortOutcome:
    """Predict every test case with the members of a system, to WORK/predictions/SYSTEM.

    Parameters
    ----------
    work : Work
        The folder.
    system : str
        One of the recipes.
    device : str, optional
        The GPU where there is one, by default.
    mirroring : {'average', 'members', 'none'}
        What becomes of the flips.
    n_parts, part_id : int
        Predict every `n_parts`-th case, from number `part_id` on.
    progress : callable
        See :func:`~ckpt_uq.cohort.run_cohort`.

    Raises
    ------
    ArgumentError
        A training is not finished.
    """
    one = recipe(system)
    missing = [str(t.folder(work)) for t in one.trainings if not t.is_finished(work)]
    if missing:
        raise ArgumentError(
            f"{system} must be trained to the end, found no checkpoint_final.pth in {', '.join(missing)}; "
            f"run kits23 train --system {system}"
        )
    settings = NnunetSettings(
        [model(work, one)],
        folds=[str(fold) for fold in one.folds],
        checkpoints=one.checkpoints,
        mirroring=mirroring,
    )
    return predict_cohort(
        settings,
        work.raw / "imagesTs",
        work.predictions / system,
        device=device,
        save_probs=True,
        class_entropy=True,
        n_parts=n_parts,
        part_id=part_id,
        progress=progress,
    )


def model(work: Work, one: Recipe) -> Path:
    """Folder of a recipe's trainings."""
    return one.trainings[0].model(work)


def _is_trained(work: Work, one: Recipe) -> bool:
    return all(training.is_finished(work) for training in one.trainings)
