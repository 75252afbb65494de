"""One predicted case against its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.scope import Scope
from ckpt_uq.evaluating.measures.measure import CaseMeasure, Measure
from ckpt_uq.evaluating.opened import OpenCase, Regions
from ckpt_uq.evaluation.case_mean import case_mean
from ckpt_uq.evaluation.dice import dice_per_class

Scopes = dict[Scope, CalibrationBins]


@dataclass(frozen=True)
class CaseEvaluation:
    """How good a case is.

    Attributes
    ----------
    dice : dict
        By foreground class; NaN for one that neither prediction nor labels have.
    bins : dict or None
        Top-label calibration bins by scope, 'all' and 'dilated_roi'; None without saved probabilities.
    more : dict
        The cells of scores.csv that further measures fill.
    without : tuple of str
        Keys of the measures that the case lacks something for.
    of_regions : bool
        Whether its probabilities are those of regions.
    """

    dice: dict[str, float]
    bins: Scopes | None
    more: dict[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    of_regions: bool = False

    @property
    def scores(self) -> dict[str, float]:
        """The case's cells in the table of scores."""
        ece = {} if self.bins is None else {name: self.bins[scope].ece() for name, scope in _ECE.items()}
        return {
            "dice_mean": case_mean(self.dice.values()).mean,
            **{f"dice_{name}": value for name, value in self.dice.items()},
            **{name: 100 * value for name, value in ece.items()},
            **self.more,
        }


_ECE: dict[str, Scope] = {"ece_percent": "all", "ece_roi_percent": "dilated_roi"}


def evaluate_case(
    case: OpenCase, regions: Regions | None = None, measures: Sequence[Measure] = ()
) -> CaseEvaluation:
    """Compare a predicted case with its labels, reading its probabilities once.

    Parameters
    ----------
    case : OpenCase
        Opened.
    regions : Regions, optional
        How wide the region of interest is.
    measures : sequence of Measure
        What else to measure; they keep the case once it was read whole.

    Raises
    ------
    DataError
        A file cannot be read, or labels and prediction do not fit.
    ArgumentError
        Labels are outside the classes.
    """
    regions = regions or Regions()
    dice = dice_per_class(case.segmentation, case.truth, case.n_classes)
    begun = [(measure, measure.begin(case)) for measure in measures]
    bins = _read(case, regions, [one for _, one in begun if one is not None])
    more = [one.scores() for _, one in begun if one is not None]
    for measure, one in begun:
        if one is not None:
            measure.keep(one)
    return CaseEvaluation(
        dice=dict(zip(case.classes, dice[1:].tolist(), strict=True)),
        bins=bins,
        more={name: value for cells in more for name, value in cells.items()},
        without=tuple(measure.key for measure, one in begun if one is None),
        of_regions=case.region_probs is not None,
    )


def _read(case: OpenCase, regions: Regions, begun: Sequence[CaseMeasure]) -> Scopes | None:
    if case.probs is None:
        return None
    roi = case.scope("dilated_roi", regions)
    bins: Scopes = {"all": CalibrationBins(), "dilated_roi": CalibrationBins()}
    for part, probs in case.slabs():
        bins["all"].update(probs, case.truth[part])
        bins["dilated_roi"].update(probs, case.truth[part], mask=roi[part])
        for one in begun:
            one.slab(part, probs)
    return bins
