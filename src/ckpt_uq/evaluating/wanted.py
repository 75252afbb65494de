"""What is to be measured, by names that a person gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluating.labelled_regions import LabelledRegion
from ckpt_uq.evaluating.measures.calibration import CalibrationMeasure
from ckpt_uq.evaluating.measures.kits import KitsMeasure
from ckpt_uq.evaluating.measures.measure import Measure
from ckpt_uq.evaluating.measures.raters import RatersMeasure
from ckpt_uq.evaluating.measures.regions import RegionMeasure
from ckpt_uq.evaluating.measures.scores import ScoresMeasure
from ckpt_uq.evaluating.measures.surface import SurfaceMeasure
from ckpt_uq.evaluating.measures.voxels import VoxelMeasure
from ckpt_uq.evaluating.opened import Regions

GROUPS = ("calibration", "failure", "surface", "voxels", "scores", "kits")
"""What can be asked for; 'all' is all of them but 'kits', which is for the labels of KiTS alone."""

_OF_LABELS = (CalibrationMeasure, KitsMeasure, RatersMeasure, RegionMeasure, SurfaceMeasure, VoxelMeasure)

EVERY_COLUMN = tuple(start for measure in _OF_LABELS for start in measure.columns)
"""How the names of columns begin that depend on the labels; scores of a prediction do not."""


@dataclass(frozen=True)
class Wanted:
    """What to measure, and the widths and thresholds that it takes.

    Attributes
    ----------
    groups : collection of str
        Of :data:`GROUPS`.
    regions : Regions
        Around the truth, for calibration and wrong voxels.
    tolerance_mm : float
        Of surface Dice, and within which an uncertain voxel is near a wrong one.
    failed_below : float
        A case with less Dice has failed.
    raters : path, optional
        Folder of CASE.npz with the label maps of several annotators.
    strangers : path, optional
        Results folder, or table of scores, of cases from elsewhere.
    labelled_regions : tuple of LabelledRegion
        For predictions of regions: which labels each channel holds; their calibration is measured then.
    """

    groups: tuple[str, ...] = ("failure",)
    regions: Regions = field(default_factory=Regions)
    tolerance_mm: float = 1.0
    failed_below: float = 0.7
    raters: Path | None = None
    strangers: Path | None = None
    labelled_regions: tuple[LabelledRegion, ...] = ()

    def measures(self) -> list[Measure]:
        """Fresh measures of the groups, in the order of :data:`GROUPS`."""
        made: dict[str, Callable[[], Measure]] = {
            "calibration": lambda: CalibrationMeasure(self.regions),
            "surface": lambda: SurfaceMeasure(self.tolerance_mm),
            "voxels": lambda: VoxelMeasure(self.regions, self.tolerance_mm),
            "scores": ScoresMeasure,
            "kits": KitsMeasure,
        }
        found: list[Measure] = [make() for name, make in made.items() if name in self.groups]
        if self.labelled_regions:
            found.append(RegionMeasure(self.labelled_regions, self.regions))
        return found if self.raters is None else [*found, RatersMeasure(self.raters, self.regions)]


def groups_of(names: Iterable[str]) -> tuple[str, ...]:
    """Groups by their names; 'all' stands for all that fit any labels, 'none' for none.

    Raises
    ------
    ArgumentError
        There is no such group.

    Examples
    --------
    >>> groups_of(["surface", "failure"]), groups_of(["none"])
    (('failure', 'surface'), ())
    """
    asked = set(names)
    unknown = sorted(asked - {*GROUPS, "all", "none"})
    if unknown:
        raise ArgumentError(
            f"metrics must be among {', '.join((*GROUPS, 'all', 'none'))}, got {', '.join(unknown)}"
        )
    wanted = asked | (set(GROUPS) - {"kits"} if "all" in asked else set())
    return tuple(name for name in GROUPS if name in wanted)
