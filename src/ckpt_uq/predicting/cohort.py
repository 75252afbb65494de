"""All images by a run's checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from ckpt_uq.case_folder import MEAN_PROBS, MEMBER_LABELS
from ckpt_uq.cohort import CohortOutcome, Progress, run_cohort
from ckpt_uq.manifest import read_run
from ckpt_uq.members.checkpoints import CheckpointMembers
from ckpt_uq.moments import Outputs, Transform
from ckpt_uq.posthoc.saving import load_transform
from ckpt_uq.predicting.case import Predictor, predict_case
from ckpt_uq.predicting.steps import Steps


@dataclass(frozen=True)
class RunSettings:
    """Which checkpoints predict, how.

    Attributes
    ----------
    run : path
        The run folder.
    epochs : sequence of int, optional
        Only these epochs' snapshots; all kept ones by default.
    outputs : {'logits', 'probs', 'regions'}
        What the network returns.
    region_order : sequence of int, optional
        For regions: the label that each one paints.
    names : mapping
        What the user's functions are called, so that cases of other functions are told apart.
    transform : path, optional
        A saved calibration, of :func:`~ckpt_uq.posthoc.saving.save_transform`.
    transform_at : {'mean', 'members'}
        Whether it maps the logits of the mean probability, or those of each member.
    """

    run: Path
    epochs: Sequence[int] | None = None
    outputs: Outputs = "logits"
    region_order: Sequence[int] | None = None
    names: Mapping[str, str | None] = field(default_factory=dict)
    transform: Path | None = None
    transform_at: Literal["mean", "members"] = "mean"

    def plain(self) -> dict[str, Any]:
        """What the files of a case depend on, plain enough for JSON."""
        members = [s for s in read_run(self.run).members if self.epochs is None or s.epoch in self.epochs]
        return {
            "members": [{"epoch": s.epoch, "sha256": s.record.sha256} for s in members],
            "outputs": self.outputs,
            "region_order": None if self.region_order is None else list(self.region_order),
            **self.names,
            **self._calibration(),
        }

    def loaded(self) -> Transform | None:
        """The saved calibration.

        Raises
        ------
        DataError
            It cannot be read.
        """
        return None if self.transform is None else load_transform(self.transform)

    def _calibration(self) -> dict[str, Any]:
        if self.transform is None:
            return {}
        return {"transform": asdict(load_transform(self.transform)), "transform_at": self.transform_at}


def predict_cohort(
    settings: RunSettings,
    model: torch.nn.Module,
    images: Mapping[str, Path],
    out: str | Path,
    *,
    steps: Steps | None = None,
    device: str | None = None,
    save_probs: bool = False,
    save_members: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda case, done, n_cases: None,
    started: Callable[[int], None] = lambda n_members: None,
) -> CohortOutcome:
    """Predict every image with the checkpoints of a run, on the images' own grids.

    Parameters
    ----------
    settings : RunSettings
        Which checkpoints, how.
    model : torch.nn.Module
        The architecture.
    images : mapping of str to Path
        By the names of the cases.
    out : path
        Gets ``cases/NAME/`` for every case, and ``scores.csv``.
    steps : Steps, optional
        Before and after the network; by default the image is standardised.
    device : str, optional
        Where to compute; where the model is by default.
    save_probs : bool
        Write the mean probabilities too, in half precision.
    save_members : bool
        Write each member's labels too, and score how much they disagree.
    overwrite : bool
        Make finished cases again.
    progress : callable
        See :func:`~ckpt_uq.cohort.run_cohort`.
    started : callable
        Told the number of members, once the first one fits the model.

    Returns
    -------
    CohortOutcome

    Raises
    ------
    ManifestError
        There is no usable run.
    CheckpointError
        The first checkpoint is damaged or does not fit the model, so none will.
    """
    members = CheckpointMembers.from_run(settings.run, model, epochs=settings.epochs, device=device)
    next(iter(members.members()))
    started(len(members))
    order = None if settings.region_order is None else tuple(settings.region_order)
    transform = settings.loaded()
    predictor = Predictor(
        members,
        steps or Steps(),
        settings.outputs,
        order,
        on_members=transform if settings.transform_at == "members" else None,
        on_mean=transform if settings.transform_at == "mean" else None,
        labels=save_members,
    )
    common = settings.plain()

    def make(name: str, folder: Path, report: Callable[[float], None]) -> dict[str, Any]:
        return predict_case(images[name], folder, predictor, save_probs=save_probs, progress=report)

    return run_cohort(
        {name: {"image": str(path.resolve()), **common} for name, path in images.items()},
        out,
        make,
        needs=[*([MEAN_PROBS] if save_probs else []), *([MEMBER_LABELS] if save_members else [])],
        overwrite=overwrite,
        progress=progress,
    )
