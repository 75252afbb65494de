"""Draw a guaranteed contour on predicted cases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ckpt_uq.cohort import Progress, results_folder
from ckpt_uq.conformal.contour import GuaranteedContour
from ckpt_uq.contouring.case import ContourMap, contour_map
from ckpt_uq.errors import CkptUQError, DataError
from ckpt_uq.evaluating.predictions import any_marked, find_labels, find_predictions, read_labels
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.io.scores_csv import write_scores
from ckpt_uq.io.volume import Volume, write_volume

TABLE = "contours.csv"


@dataclass(frozen=True)
class Contours:
    """What became of the cases.

    Attributes
    ----------
    rows : dict
        By case what stands in ``contours.csv``: ``volume_ml`` inside the contour, and ``loss`` where
        labels were given (NaN if the case has nothing of them).
    failed : dict
        What went wrong, by case.
    """

    rows: dict[str, dict[str, float]]
    failed: dict[str, Exception]

    @property
    def mean_loss(self) -> float:
        """Over the cases that have a loss; NaN without any."""
        return case_mean(row.get("loss", math.nan) for row in self.rows.values()).mean


def apply_contour(
    predictions: str | Path,
    contour: GuaranteedContour,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    progress: Progress = lambda case, done, n_cases: None,
) -> Contours:
    """Write ``NAME.nii.gz``, 1 inside the contour and 0 outside, for every case, and ``contours.csv``.

    Each file appears whole or not at all, the table last. A case that fails is left out and named.

    Parameters
    ----------
    predictions : path
        As for :func:`~ckpt_uq.contouring.fitting.fit_contour`, of other cases.
    contour : GuaranteedContour
        What was fitted.
    out : path
        Made if it is not there.
    labels : path, optional
        With it the loss of every case is in the table too.
    progress : callable
        See :func:`~ckpt_uq.cohort.run_cohort`.

    Raises
    ------
    DataError
        There are no predictions, a case is one that the contour was fitted on, or `out` cannot be written to.
    """
    found = find_predictions(predictions)
    _require_apart(found, contour)
    truths = None if labels is None else find_labels(labels, found)
    out = results_folder(out)
    marks = any_marked(found)
    rows: dict[str, dict[str, float]] = {}
    failed: dict[str, Exception] = {}
    for index, (name, folder) in enumerate(found.items()):
        progress(name, index, len(found))
        try:
            known = contour_map(folder, contour.rule, finished_have_marks=marks)
            row = {} if truths is None else {"loss": _loss(name, known, contour, truths)}
            rows[name] = {"volume_ml": _draw(out / f"{name}.nii.gz", known, contour), **row}
        except (CkptUQError, OSError) as error:
            failed[name] = error
            (out / f"{name}.nii.gz").unlink(missing_ok=True)  # of an earlier call
        progress(name, index + 1, len(found))
    write_scores(out / TABLE, rows)
    return Contours(rows, failed)


def _require_apart(found: Mapping[str, Path], contour: GuaranteedContour) -> None:
    both = sorted(found.keys() & set(contour.cases))
    if both:
        raise DataError(
            f"the contour was fitted on {', '.join(both[:5])}{' ...' if len(both) > 5 else ''}, and promises "
            "nothing of them; give other cases"
        )


def _loss(name: str, known: ContourMap, contour: GuaranteedContour, truths: Mapping[str, Path]) -> float:
    if name not in truths:
        raise DataError(f"labels must hold {name}, found none")
    truth = contour.rule.truth_in(read_labels(truths[name], known.geometry))
    return float(contour.rule.losses(known.when, truth, [contour.lam])[0])


def _draw(path: Path, known: ContourMap, contour: GuaranteedContour) -> float:
    """Write the mask; return its volume in millilitres."""
    inside = contour.rule.inside(known.when, contour.lam)
    geometry = known.geometry
    write_volume(path, Volume(inside.astype(np.uint8), geometry.affine, geometry.header))
    return float(inside.sum()) * math.prod(geometry.spacing) / 1000
