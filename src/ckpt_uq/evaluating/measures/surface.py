"""How far the predicted surface of each class lies from the true one."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from ckpt_uq.evaluating.measures.measure import Table, mean_over_cases
from ckpt_uq.evaluating.opened import OpenCase
from ckpt_uq.evaluation.hd95 import hd95_of
from ckpt_uq.evaluation.surface_dice import surface_dice_of
from ckpt_uq.evaluation.surface_distances import surface_distances


class CaseSurfaces:
    """One case: surface Dice and HD95 of every class that it or its prediction has."""

    def __init__(self, case: OpenCase, tolerance: float) -> None:
        self.of_class: dict[str, tuple[float, float]] = {}
        for index, name in enumerate(case.classes, start=1):
            guess, truth = case.segmentation == index, case.truth == index
            if not (guess.any() or truth.any()):
                self.of_class[name] = math.nan, math.nan
                continue
            distances = surface_distances(guess, truth, spacing=case.geometry.spacing)
            self.of_class[name] = surface_dice_of(distances, tolerance), hd95_of(distances)

    def slab(self, part: slice, probs: npt.NDArray[Any]) -> None:
        """Surfaces are of label maps alone."""

    def scores(self) -> dict[str, float]:
        """NaN for a class that neither has; an infinite HD95 if one has it."""
        return {
            f"{kind}_{name}": value
            for name, pair in self.of_class.items()
            for kind, value in zip(("surface_dice", "hd95_mm"), pair, strict=True)
        }


class SurfaceMeasure:
    """Surface Dice and HD95, averaged over the cases that have the class."""

    key = "surface"
    columns: tuple[str, ...] = ("surface_dice_", "hd95_mm_")

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self._cases: list[dict[str, tuple[float, float]]] = []
        self.what = (
            f"Means over cases that have the class; tolerance {tolerance:g} mm. A class that only one of "
            "prediction and labels has counts as surface Dice 0 and is left out of HD95, but counted."
        )

    def begin(self, case: OpenCase) -> CaseSurfaces:
        """Measure a case."""
        return CaseSurfaces(case, self.tolerance)

    def keep(self, case: CaseSurfaces) -> None:
        """Keep the numbers of a case."""
        self._cases.append(case.of_class)

    def table(self) -> Table:
        """A row a class."""
        names = dict.fromkeys(name for case in self._cases for name in case)
        rows: Table = {}
        for name in names:
            pairs = [case.get(name, (math.nan, math.nan)) for case in self._cases]
            rows[name] = {
                "surface_dice": mean_over_cases([dice for dice, _ in pairs]),
                "hd95_mm": mean_over_cases([distance for _, distance in pairs]),
                "n_infinite": sum(math.isinf(distance) for _, distance in pairs),
            }
        return rows
