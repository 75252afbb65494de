"""Every calibration error: pooled, in four scopes, of the top label and of each class."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.calibration.adaptive import ace
from ckpt_uq.calibration.bins import CalibrationBins, Kind
from ckpt_uq.calibration.brier import brier, brier_decomposition
from ckpt_uq.calibration.kolmogorov_smirnov import ks_error
from ckpt_uq.calibration.scope import Scope
from ckpt_uq.calibration.sketch import CalibrationSketch
from ckpt_uq.calibration.smooth import smooth_ece
from ckpt_uq.evaluating.measures.measure import Table
from ckpt_uq.evaluating.opened import OpenCase, Regions
from ckpt_uq.evaluation.bootstrap import bootstrap_interval
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.nll import NLL, nll_terms

SCOPES: tuple[Scope, ...] = ("all", "foreground", "dilated_roi", "boundary")
TACE_ABOVE = 0.001
N_RESAMPLES = 1000

Array = npt.NDArray[Any]


class ScopeSums:
    """All that calibration in one scope is computed from, of fixed size; parts add up."""

    def __init__(self) -> None:
        self.top = CalibrationBins()
        self.by_class = CalibrationBins(kind="class_wise")
        self.top_sketch = CalibrationSketch()
        self.class_sketch = CalibrationSketch("class_wise")
        self.above = CalibrationSketch("class_wise", threshold=TACE_ABOVE)
        self.nll = NLL(0.0, 0)

    def update(self, probs: Array, truth: Array, mask: Array) -> None:
        """Count the voxels of the mask."""
        for one in (self.top, self.by_class, self.top_sketch, self.class_sketch, self.above):
            one.update(probs, truth, mask=mask)
        more = nll_terms(probs, truth, mask=mask)
        self.nll = NLL(self.nll.nats + more.nats, self.nll.n_voxels + more.n_voxels)

    def merge(self, other: ScopeSums) -> ScopeSums:
        """Those of both, as new ones."""
        merged = ScopeSums()
        merged.top, merged.by_class = self.top.merge(other.top), self.by_class.merge(other.by_class)
        merged.top_sketch = self.top_sketch.merge(other.top_sketch)
        merged.class_sketch = self.class_sketch.merge(other.class_sketch)
        merged.above = self.above.merge(other.above)
        merged.nll = NLL(self.nll.nats + other.nll.nats, self.nll.n_voxels + other.nll.n_voxels)
        return merged


class CaseCalibration:
    """One case, in every scope."""

    def __init__(self, case: OpenCase, regions: Regions) -> None:
        self.classes = case.classes
        self.sums = {scope: ScopeSums() for scope in SCOPES}
        self._truth = case.truth
        self._masks = {scope: case.scope(scope, regions) for scope in SCOPES}

    def slab(self, part: slice, probs: Array) -> None:
        """Count the voxels of a slab."""
        for scope, sums in self.sums.items():
            sums.update(probs, self._truth[part], self._masks[scope][part])

    def scores(self) -> dict[str, float]:
        """Errors of the case itself."""
        cells = {}
        for scope, sums in self.sums.items():
            end = "" if scope == "all" else f"_{scope}"
            cells[f"nll{end}"] = sums.nll.nats / sums.nll.n_voxels if sums.nll.n_voxels else math.nan
            cells[f"brier{end}"] = brier(sums.class_sketch)
            if scope in ("foreground", "boundary"):  # the others have columns already
                cells[f"ece{end}_percent"] = 100 * sums.top.ece()
        return cells


class CalibrationMeasure:
    """All calibration errors, pooled over the voxels of all cases.

    Memory: two sketches of 300 kB a class and scope, and the bins of every case for intervals.
    """

    key = "calibration_errors"
    columns: tuple[str, ...] = ("nll", "brier", "ece_")

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self.classes: tuple[str, ...] = ()
        self._pooled: dict[Scope, ScopeSums] = {}
        self._bins: dict[Scope, list[CalibrationBins]] = {scope: [] for scope in SCOPES}
        self.what = (
            "Pooled over the voxels of all cases, 15 bins; of the top label, of the mean over classes (for "
            f"Brier their sum), and of each class. Around the organ: {regions.roi_pixels} pixels in the "
            f"slice; boundary: within {regions.band_mm:g} mm of another label. Thresholded: confidences "
            f"above {TACE_ABOVE:g}."
        )

    def begin(self, case: OpenCase) -> CaseCalibration | None:
        """Measure a case that has probabilities."""
        return None if case.probs is None else CaseCalibration(case, self.regions)

    def keep(self, case: CaseCalibration) -> None:  # type: ignore[override,unused-ignore]
        """Pool a case with those before."""
        self.classes = max(self.classes, case.classes, key=len)
        for scope, sums in case.sums.items():
            self._bins[scope].append(sums.top)
            self._pooled[scope] = self._pooled[scope].merge(sums) if scope in self._pooled else sums

    def bins(self) -> dict[Scope, list[CalibrationBins]]:
        """Top-label bins of every case, by scope."""
        return self._bins

    def table(self) -> Table:
        """Rows: each scope for the top label, for the mean over classes, and for each class."""
        rows: Table = {}
        for scope, sums in self._pooled.items():
            rows[f"{scope}: top label"] = {
                "n_voxels": sums.top.n_samples,
                "ece_percent": _interval(self._bins[scope]),
                **_errors(sums, "top_label"),
                "nll": sums.nll.nats / sums.nll.n_voxels if sums.nll.n_voxels else math.nan,
            }
            of_class = [
                {"ece_percent": 100 * sums.by_class.ece(index), **_errors(sums, "class_wise", index)}
                for index in range(sums.by_class.n_classes or 0)
            ]
            rows[f"{scope}: mean over classes"] = _joined(sums, of_class)
            rows |= {
                f"{scope}: {name}": row
                for name, row in zip(("background", *self.classes), of_class, strict=False)
            }
        return rows


def _errors(sums: ScopeSums, kind: Kind, index: int | None = None) -> dict[str, Any]:
    top = kind == "top_label"
    sketch = sums.top_sketch if top else sums.class_sketch
    bins = sums.top if top else sums.by_class
    bounded = {
        "ace": ace(sketch, class_index=index),
        **({} if top else {"tace": ace(sums.above, class_index=index)}),
        "ks": ks_error(sketch, class_index=index),
        "smooth_ece": smooth_ece(sketch, class_index=index),
    }
    errors: dict[str, Any] = {"mce_percent": 100 * bins.mce(index)}
    for name, (value, bound) in bounded.items():
        errors[f"{name}_percent"] = 100 * value
        errors[f"{name}_percent_bound"] = 100 * bound
    errors["brier"] = brier(sketch, class_index=index)
    parts = brier_decomposition(sketch, class_index=index)._asdict()
    return errors | {f"brier_{name}": value for name, value in parts.items() if name != "brier"}


def _joined(sums: ScopeSums, of_class: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the classes, but the largest MCE and the sum of Brier."""
    errors = ("ece_percent", "ace_percent", "tace_percent", "ks_percent", "smooth_ece_percent")
    names = [name for error in errors for name in (error, f"{error}_bound") if name in of_class[0]]
    means = {name: case_mean(row[name] for row in of_class).mean for name in names}
    return {**means, "mce_percent": 100 * sums.by_class.mce(), "brier": brier(sums.class_sketch)}


def _interval(cases: list[CalibrationBins]) -> dict[str, Any]:
    """Pooled ECE in percent, with the interval of drawing cases again."""
    gaps = np.stack([bins.sums.hits[0] - bins.sums.confidence[0] for bins in cases])
    counts = np.array([bins.n_samples for bins in cases], np.float64)

    def pooled(drawn: npt.NDArray[np.int64]) -> float:
        n = counts[drawn].sum()
        return float(100 * np.abs(gaps[drawn].sum(axis=0)).sum() / n) if n else math.nan

    found = bootstrap_interval(pooled, len(cases), n_resamples=N_RESAMPLES)
    whole = 100 * reduce(CalibrationBins.merge, cases).ece()
    return {**found._asdict(), "estimate": whole}
