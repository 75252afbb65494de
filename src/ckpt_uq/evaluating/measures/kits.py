"""What the KiTS23 challenge reports."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from ckpt_uq.evaluating.measures.measure import Table, means
from ckpt_uq.evaluating.opened import OpenCase
from ckpt_uq.evaluation.kits import KitsScore, kits_scores


class CaseKits:
    """One case in the three regions."""

    def __init__(self, case: OpenCase) -> None:
        self.regions: dict[str, KitsScore] = kits_scores(
            case.segmentation, case.truth, spacing=case.geometry.spacing
        )

    def slab(self, part: slice, probs: npt.NDArray[Any]) -> None:
        """Regions are of label maps alone."""

    def scores(self) -> dict[str, float]:
        """Dice and surface Dice of each region."""
        return {
            f"kits_{kind}_{region}": value
            for region, score in self.regions.items()
            for kind, value in score._asdict().items()
        }


class KitsMeasure:
    """Dice and surface Dice of kidney and mass, mass, and tumour, by the challenge's rules."""

    key = "kits"
    columns: tuple[str, ...] = ("kits_",)
    what = (
        "Regions of KiTS23: kidney and mass (labels 1, 2, 3), mass (2, 3), tumour (2), each with its own "
        "tolerance. A case where neither prediction nor labels have the region counts as 1, where one has it "
        "as 0."
    )

    def __init__(self) -> None:
        self._cases: list[dict[str, KitsScore]] = []

    def begin(self, case: OpenCase) -> CaseKits:
        """Measure a case."""
        return CaseKits(case)

    def keep(self, case: CaseKits) -> None:
        """Keep the numbers of a case."""
        self._cases.append(case.regions)

    def table(self) -> Table:
        """A row a region."""
        names = dict.fromkeys(name for case in self._cases for name in case)
        return {name: means([case[name]._asdict() for case in self._cases]) for name in names}
