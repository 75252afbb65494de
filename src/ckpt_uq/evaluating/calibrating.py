"""Fit a calibration to predictions on disk, a slab at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ckpt_uq.calibration.scope import Scope
from ckpt_uq.errors import DataError
from ckpt_uq.evaluating.opened import OpenCase, Regions, open_case
from ckpt_uq.evaluating.predictions import find_labels, find_predictions
from ckpt_uq.logits import FLOOR
from ckpt_uq.posthoc.boundary import BoundaryTemperature, fit_boundary_temperature
from ckpt_uq.posthoc.fit import fit_scaling
from ckpt_uq.posthoc.likelihood import Case, likelihood
from ckpt_uq.posthoc.scaling import LogitScaling

SavedMethod = Literal["temperature", "class_wise", "vector", "boundary"]


@dataclass(frozen=True)
class SavedFit:
    """A calibration, and what it did to the cases that it was fitted on.

    Attributes
    ----------
    transform : LogitScaling or BoundaryTemperature
        Of the logarithm of the mean probability.
    nll_before, nll_after : float
        Nats a voxel of the scope.
    n_voxels, n_cases : int
        What it rests on.
    """

    transform: LogitScaling | BoundaryTemperature
    nll_before: float
    nll_after: float
    n_voxels: int
    n_cases: int


@dataclass(frozen=True)
class SavedCases:
    """Mean probabilities, labels and the voxels that count, read anew each time they are asked for.

    Attributes
    ----------
    cases : mapping of str to (path, path)
        Folder and labels of each case.
    classes : sequence of str or None
        Names of the foreground classes.
    scope : str
        Which voxels count.
    regions : Regions
        How wide the scope is.
    whole : bool
        One part a case, instead of one a slab.
    read : callable
        Told each case's name when it is read.
    """

    cases: Mapping[str, tuple[Path, Path]]
    classes: Sequence[str] | None = None
    scope: Scope = "dilated_roi"
    regions: Regions = field(default_factory=Regions)
    whole: bool = False
    read: Callable[[str], None] = lambda case: None

    def __iter__(self) -> Iterator[Case]:
        """Probabilities (C, depth, y, x), labels and mask of each part."""
        for name, (folder, labels) in self.cases.items():
            self.read(name)
            case = open_case(folder, labels, classes=self.classes)
            if case.probs is None:
                raise DataError(
                    f"{folder} must hold mean_probs.npz of classes; predict or combine with --save-probs"
                )
            yield from _parts(case, case.scope(self.scope, self.regions), whole=self.whole)


def fit_saved(
    predictions: str | Path,
    labels: str | Path,
    *,
    method: SavedMethod = "temperature",
    classes: Sequence[str] | None = None,
    scope: Scope = "dilated_roi",
    regions: Regions | None = None,
    read: Callable[[str], None] = lambda case: None,
) -> SavedFit:
    """Fit a calibration of the mean probability to all predicted cases that have labels.

    They must be neither training nor test cases. Each is read about ten times; memory is that of a slab, for
    'boundary' that of a case.

    Parameters
    ----------
    predictions, labels : path
        As for :func:`~ckpt_uq.evaluating.cohort.evaluate_cohort`; every case needs its mean probabilities.
    method : {'temperature', 'class_wise', 'vector', 'boundary'}
        As for :func:`~ckpt_uq.posthoc.fit.fit_scaling`, or two temperatures as of
        :func:`~ckpt_uq.posthoc.boundary.fit_boundary_temperature`.
    classes : sequence of str, optional
        Names of the foreground classes, label 1 first.
    scope : str
        Which voxels count, as for :func:`~ckpt_uq.calibration.scope.scope_mask`. Over all voxels, the sure
        background outweighs what is in doubt.
    regions : Regions, optional
        How wide the scope is.
    read : callable
        Told each case's name when it is read.

    Raises
    ------
    DataError
        There are no predictions, a case lacks labels or probabilities, or they do not determine the
        calibration.
    """
    found = find_predictions(predictions)
    truths = find_labels(labels, found)
    missing = sorted(found.keys() - truths.keys())
    if missing:
        raise DataError(f"labels must hold every predicted case, found none of {', '.join(missing[:5])}")
    pairs = {name: (folder, truths[name]) for name, folder in found.items()}
    whole = method == "boundary"
    cases = SavedCases(pairs, classes, scope, regions or Regions(), whole, read)
    if method == "boundary":
        logits = _AsLogits(cases)
        local = fit_boundary_temperature(logits)
        before, after = (
            likelihood(logits, 1.0, 0.0, "logits"),
            likelihood(_AsLogits(cases, local), 1.0, 0.0, "logits"),
        )
        n = int(before.voxels_per_class.sum())
        return SavedFit(local, before.nats / n, after.nats / n, n, len(pairs))
    fit = fit_scaling(cases, method, inputs="probs")
    return SavedFit(fit.transform, fit.nll_before, fit.nll_after, fit.n_voxels, len(pairs))


@dataclass(frozen=True)
class _AsLogits:
    """The same cases with logarithms in place of probabilities, mapped or not."""

    cases: SavedCases
    transform: BoundaryTemperature | None = None

    def __iter__(self) -> Iterator[Case]:
        import torch

        for probs, *rest in self.cases:
            logits = torch.from_numpy(np.log(np.maximum(probs, FLOOR)))
            yield logits if self.transform is None else self.transform(logits), *rest


def _parts(case: OpenCase, mask: Any, *, whole: bool) -> Iterator[Case]:
    slabs = ((part, probs.astype(np.float32)) for part, probs in case.slabs())
    if whole:
        yield np.concatenate([probs for _, probs in slabs], axis=1), case.truth, mask
        return
    for part, probs in slabs:
        yield probs, case.truth[part], mask[part]
