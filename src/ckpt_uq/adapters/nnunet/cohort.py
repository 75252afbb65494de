"""All cases of a folder by the checkpoints of trained models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ckpt_uq.adapters.nnunet.case import predict_case
from ckpt_uq.adapters.nnunet.flips import Mirroring
from ckpt_uq.adapters.nnunet.images import find_cases, part
from ckpt_uq.adapters.nnunet.model_folder import MemberFile, find_members
from ckpt_uq.adapters.nnunet.requirement import require_nnunet
from ckpt_uq.adapters.nnunet.saved_members import require_folders
from ckpt_uq.case_folder import MEAN_PROBS, class_entropy_name
from ckpt_uq.cohort import CohortOutcome, Progress, run_cohort
from ckpt_uq.errors import ArgumentError

if TYPE_CHECKING:
    from ckpt_uq.adapters.nnunet.framework.trained_model import TrainedModel


@dataclass(frozen=True)
class NnunetSettings:
    """Which checkpoints predict, how.

    Attributes
    ----------
    models : sequence of Path
        Folders ``TRAINER__PLANS__CONFIGURATION``; members of all are averaged with equal weights.
    folds, checkpoints, epochs
        See :func:`~ckpt_uq.adapters.nnunet.model_folder.find_members`; the same for every model.
    saved : sequence of Path
        Folders of probabilities that were saved on the images' grids, as nnU-Net does: each is one member
        more, of the same weight.
    mirroring, step_size
        See :class:`~ckpt_uq.adapters.nnunet.framework.trained_model.TrainedModel`.
    """

    models: Sequence[Path]
    folds: Sequence[str] | None = None
    checkpoints: str | None = None
    epochs: Sequence[int] | None = None
    saved: Sequence[Path] = ()
    mirroring: Mirroring = "average"
    step_size: float = 0.5

    def members(self) -> dict[Path, list[MemberFile]]:
        """The checkpoints of every model."""
        folders = [Path(model).resolve() for model in self.models]
        if not folders or len(set(folders)) < len(folders):
            raise ArgumentError(
                f"models must be different folders, at least one, got {list(map(str, self.models))}"
            )
        if not 0 < self.step_size <= 1:
            raise ArgumentError(f"step_size must lie in (0, 1], got {self.step_size}")
        return {
            folder: find_members(folder, folds=self.folds, checkpoints=self.checkpoints, epochs=self.epochs)
            for folder in folders
        }


def predict_cohort(
    settings: NnunetSettings,
    images: str | Path,
    out: str | Path,
    *,
    device: str | None = None,
    save_probs: bool = False,
    class_entropy: bool = False,
    n_parts: int = 1,
    part_id: int = 0,
    overwrite: bool = False,
    progress: Progress = lambda case, done, n_cases: None,
) -> CohortOutcome:
    """Predict every case of a folder, on the images' own grids.

    Parameters
    ----------
    settings : NnunetSettings
        Which checkpoints, how.
    images : path
        Folder of ``CASE_0000.nii.gz``, as nnU-Net wants them.
    out : path
        Gets ``cases/NAME/`` for every case, and ``scores.csv``.
    device : str, optional
        Where to compute; the first CUDA device where there is one, by default.
    save_probs : bool
        Write the mean probabilities too, in half precision.
    class_entropy : bool
        Write the entropy of every class but the background too.
    n_parts, part_id : int
        Of all cases make every `n_parts`-th, from number `part_id` on; the other parts may be at work
        elsewhere, in the same `out`.
    overwrite : bool
        Make finished cases again.
    progress : callable
        See :func:`~ckpt_uq.cohort.run_cohort`.

    Returns
    -------
    CohortOutcome

    Raises
    ------
    ArgumentError, CheckpointError, ManifestError
        nnU-Net is not installed, or the models cannot be used, so no case can be predicted.
    DataError
        There is no image.
    """
    require_nnunet()
    from ckpt_uq.adapters.nnunet.framework.trained_model import TrainedModel

    saved = require_folders(settings.saved)
    members = settings.members()
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    models = [
        TrainedModel(folder, files, where, mirroring=settings.mirroring, step_size=settings.step_size)
        for folder, files in members.items()
    ]
    _require_same_labels(models, list(members))
    every = find_cases(images, models[0].dataset["file_ending"])
    asked = part(every, n_parts, part_id)
    common = _plain(settings, members, saved)

    def make(name: str, folder: Path, report: Callable[[float], None]) -> dict[str, Any]:
        return predict_case(
            asked[name],
            folder,
            models,
            saved=saved,
            save_probs=save_probs,
            class_entropy=class_entropy,
            progress=report,
        )

    return run_cohort(
        {name: {"images": [str(path.resolve()) for path in asked[name]], **common} for name in asked},
        out,
        make,
        needs=_needed(models[0], save_probs=save_probs, class_entropy=class_entropy),
        overwrite=overwrite,
        progress=progress,
        elsewhere=every if n_parts > 1 else (),
    )


def _plain(
    settings: NnunetSettings, members: dict[Path, list[MemberFile]], saved: Sequence[Path]
) -> dict[str, Any]:
    """What the files of a case depend on, plain enough for JSON."""
    live = [
        {"model": str(folder), "file": member.name, "sha256": member.record.sha256}
        for folder, files in members.items()
        for member in files
    ]
    return {
        "members": [*live, *({"saved": str(folder)} for folder in saved)],
        "mirroring": settings.mirroring,
        "step_size": settings.step_size,
    }


def _needed(model: TrainedModel, *, save_probs: bool, class_entropy: bool) -> list[str]:
    order = model.region_order
    channels = range(1 if order is None else 0, model.n_channels_out) if class_entropy else ()
    of_classes = [class_entropy_name(index, order) for index in channels]
    return [MEAN_PROBS, *of_classes] if save_probs else of_classes


def _require_same_labels(models: Sequence[TrainedModel], folders: Sequence[Path]) -> None:
    for model, folder in zip(models, folders, strict=True):
        for what in ("labels", "regions_class_order", "file_ending"):
            theirs, ours = model.dataset.get(what), models[0].dataset.get(what)
            if theirs != ours:
                raise ArgumentError(
                    f"models must be trained for the same {what}, got {ours} in {folders[0]} and {theirs} in "
                    f"{folder}"
                )
