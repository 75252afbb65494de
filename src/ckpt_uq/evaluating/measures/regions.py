"""Calibration of regions that may overlap, each as a binary model of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ckpt_uq.errors import DataError
from ckpt_uq.evaluating.labelled_regions import LabelledRegion
from ckpt_uq.evaluating.measures.calibration import CalibrationMeasure, CaseCalibration
from ckpt_uq.evaluating.measures.measure import Table
from ckpt_uq.evaluating.opened import OpenCase, Regions
from ckpt_uq.evaluating.predictions import probability_slabs

Array = np.ndarray[Any, Any]


class CaseRegions:
    """One case, region by region; its probabilities are read here, a slab at a time."""

    def __init__(self, case: OpenCase, regions: Sequence[LabelledRegion], widths: Regions) -> None:
        assert case.region_probs is not None
        views = {
            one.name: replace(case, truth=one.truth_in(case.truth), classes=(one.name,)) for one in regions
        }
        self.by_region = {name: CaseCalibration(view, widths) for name, view in views.items()}
        for part, probs in probability_slabs(case.region_probs, case.truth.shape):
            if len(probs) != len(regions):
                raise DataError(
                    f"{case.region_probs} has {len(probs)} regions, got labels of {len(regions)}; say of "
                    "each channel which labels it holds"
                )
            for prob, one in zip(
                np.minimum(probs.astype(np.float32), 1), self.by_region.values(), strict=True
            ):
                one.slab(part, np.stack([1 - prob, prob]))

    def slab(self, part: slice, probs: Array) -> None:
        """Class probabilities are none of regions."""

    def scores(self) -> dict[str, float]:
        """ECE of each region of the case itself."""
        return {
            f"ece_region_{name}_percent": 100 * one.sums["all"].by_class.ece(1)
            for name, one in self.by_region.items()
        }


class RegionMeasure:
    """The calibration errors of each region's probability, pooled over the voxels of all cases."""

    key = "region_calibration"
    columns: tuple[str, ...] = ("ece_region_",)

    def __init__(self, regions: Sequence[LabelledRegion], widths: Regions) -> None:
        self._regions, self._widths = tuple(regions), widths
        self._measures = {one.name: CalibrationMeasure(widths) for one in self._regions}
        said = "; ".join(f"{one.name}: {'+'.join(map(str, one.labels))}" for one in self._regions)
        self.what = (
            "Each region's probability against whether a voxel has one of its labels "
            f"({said}), pooled over the voxels of all cases, 15 bins. Foreground, organ and boundary are "
            f"those of the region: {widths.roi_pixels} pixels in the slice, {widths.band_mm:g} mm."
        )

    def begin(self, case: OpenCase) -> CaseRegions | None:
        """Measure a case that has probabilities of regions."""
        return None if case.region_probs is None else CaseRegions(case, self._regions, self._widths)

    def keep(self, case: CaseRegions) -> None:
        """Pool a case with those before."""
        for name, one in case.by_region.items():
            self._measures[name].keep(one)

    def table(self) -> Table:
        """A row for each scope of each region."""
        rows: Table = {}
        for name, measure in self._measures.items():
            for row_name, row in measure.table().items():
                scope, _, of = row_name.partition(": ")
                if of == name:
                    rows[f"{name}: {scope}"] = row
        return rows
