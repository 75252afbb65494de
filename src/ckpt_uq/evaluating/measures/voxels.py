"""Whether the uncertainty map points to the wrong voxels, and lies near them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.evaluating.measures.measure import Table, mean_over_cases, means
from ckpt_uq.evaluating.opened import OpenCase, Regions
from ckpt_uq.evaluation.boundary_concentration import boundary_concentration
from ckpt_uq.evaluation.near_errors import near_errors
from ckpt_uq.evaluation.pavpu import pavpu
from ckpt_uq.evaluation.qu_brats import FilterCounts
from ckpt_uq.evaluation.voxel_errors import VoxelErrors
from ckpt_uq.maps import class_entropy, predictive_entropy

Array = npt.NDArray[Any]


class CaseVoxels:
    """One case: histograms of its entropy, the filter curves of its classes, and its saved map."""

    def __init__(self, case: OpenCase, regions: Regions, tolerance: float) -> None:
        self.highest = math.log2(case.n_classes)
        scopes = {"all": None, "roi": case.scope("dilated_roi", regions)}
        self.errors = {scope: VoxelErrors(highest=self.highest) for scope in scopes}
        self.filters = {name: FilterCounts(highest=1.0) for name in case.classes}
        self._masks = scopes
        self._truth, self._segmentation = case.truth, case.segmentation
        self.spatial = _spatial(case, self.highest / 2, tolerance)

    def slab(self, part: slice, probs: Array) -> None:
        """Count the voxels of a slab."""
        truth, guess = self._truth[part], self._segmentation[part]
        bits = np.minimum(predictive_entropy(probs), self.highest)
        for scope, errors in self.errors.items():
            mask = self._masks[scope]
            errors.update(bits, guess != truth, mask=None if mask is None else mask[part])
        of_class = class_entropy(probs)
        for index, counts in enumerate(self.filters.values(), start=1):
            counts.update(guess == index, truth == index, of_class[index])

    def scores(self) -> dict[str, float]:
        """The case's own numbers."""
        cells = dict(self.spatial)
        for scope, errors in self.errors.items():
            cells[f"error_auroc_{scope}"] = errors.auroc().value
            cells[f"ueo_{scope}"] = errors.ueo().value
        return cells | {f"qu_brats_{name}": counts.curves().score for name, counts in self.filters.items()}


class VoxelMeasure:
    """Detection of wrong voxels, pooled and by case."""

    key = "voxel_errors"
    columns: tuple[str, ...] = (
        "error_auroc_",
        "ueo_",
        "qu_brats_",
        "near_errors_",
        "pavpu",
        "boundary_concentration",
    )

    def __init__(self, regions: Regions, tolerance: float) -> None:
        self.regions, self.tolerance = regions, tolerance
        self._pooled: dict[str, VoxelErrors] = {}
        self._cases: list[dict[str, float]] = []
        self._spatial: list[dict[str, float]] = []
        self._curves: dict[str, list[dict[str, float]]] = {}
        self.what = (
            "Predictive entropy against wrong voxels. Near, patches and concentration: voxels with at least "
            f"half of the largest entropy count as uncertain, within {tolerance:g} mm, in patches of 4 "
            "voxels; means over cases. QU-BraTS: each class's own entropy, 101 thresholds."
        )

    def begin(self, case: OpenCase) -> CaseVoxels | None:
        """Measure a case that has probabilities."""
        return None if case.probs is None else CaseVoxels(case, self.regions, self.tolerance)

    def keep(self, case: CaseVoxels) -> None:
        """Pool the histograms, keep the rest as numbers."""
        for scope, errors in case.errors.items():
            self._pooled[scope] = self._pooled[scope].merge(errors) if scope in self._pooled else errors
        self._cases.append(case.scores())
        self._spatial.append(case.spatial)
        for name, counts in case.filters.items():
            curves = counts.curves()
            areas = (float(np.trapezoid(curve, curves.thresholds)) for curve in curves[1:])
            keys = ("qu_brats_dice_area", "qu_brats_ftp_area", "qu_brats_ftn_area")
            row = {"qu_brats": curves.score, **dict(zip(keys, areas, strict=True))}
            self._curves.setdefault(name, []).append(row)

    def table(self) -> Table:
        """Rows: pooled in each scope, the mean over cases, and each class."""
        rows: Table = {}
        for scope, errors in self._pooled.items():
            area, overlap = errors.auroc(), errors.ueo()
            rows[f"{scope}: pooled"] = {
                "n_voxels": int(errors.right.sum() + errors.wrong.sum()),
                "n_wrong": int(errors.wrong.sum()),
                "error_auroc": area.value,
                "error_auroc_bound": area.bound,
                "ueo": overlap.value,
                "ueo_bound": overlap.bound,
                "ueo_threshold_bits": overlap.threshold,
            }
        for scope in self._pooled:
            rows[f"{scope}: mean over cases"] = {
                name: mean_over_cases([row[f"{name}_{scope}"] for row in self._cases])
                for name in ("error_auroc", "ueo")
            } | (means(self._spatial) if scope == "all" else {})
        return rows | {name: means(curves) for name, curves in self._curves.items()}


def _spatial(case: OpenCase, threshold: float, tolerance: float) -> dict[str, float]:
    """What needs the whole map at once; nothing without a saved one."""
    bits = case.entropy()
    if bits is None:
        return {}
    spacing, errors = case.geometry.spacing, case.errors
    near = near_errors(bits, errors, threshold=threshold, tolerance=tolerance, spacing=spacing)
    patches = pavpu(bits, errors, threshold=threshold)
    return {
        "near_errors_precision": near.precision,
        "near_errors_recall": near.recall,
        "near_errors_overlap": near.overlap,
        "pavpu": patches.pavpu,
        "boundary_concentration": boundary_concentration(
            bits, case.segmentation, width=tolerance, spacing=spacing
        ),
    }
