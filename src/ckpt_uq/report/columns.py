"""What the numbers of scores.csv and metrics.json mean, for the reader beside the number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ckpt_uq.report.measured import MEASURED


@dataclass(frozen=True)
class Quantity:
    """A number with a name.

    Attributes
    ----------
    name : str
        Its key in the file.
    label, unit : str
        What the page calls it; the unit may be empty.
    meaning : str
        One or two sentences; empty for a column of the user's own.
    better : {'higher', 'lower', ''}
        Which way is good, where one is.
    """

    name: str
    label: str
    unit: str = ""
    meaning: str = ""
    better: Literal["higher", "lower", ""] = ""


SINGLE = "_best_single"
"""Ends the name of what the best single checkpoint has, beside the ensemble's."""

_DICE = "Overlap of prediction and truth, 2|P∩T| / (|P| + |T|). A class that neither has counts in no mean."
_CONTOUR = (
    "Entropy summed over the volume, divided by the number of voxels just outside the segmentation’s border: "
    "the uncertainty per length of contour. A class without segmentation has no score."
)
_ECE = (
    "Expected calibration error: how far confidence and accuracy lie apart, averaged over bins "
    "of confidence, each weighted by its voxels. Measured against the truth."
)
_NLL = "Mean of −log p of the true class: how surprised the model is by the truth. Sure and wrong costs most."
_ENTROPY = (
    "Uncertainty of the averaged prediction, −Σ p log₂ p, averaged over the voxels: 0 bits is certain, "
    "1 bit a coin’s toss between two classes."
)
_MI = (
    "Part of the entropy that comes from disagreement between members: high where another training would say "
    "otherwise."
)
_RATERS = (
    "How often the entropy is higher at a voxel where annotators disagree than at one where they agree: 0.5 "
    "is chance, 1 always."
)
_SPEARMAN = (
    "Rank correlation of uncertainty and Dice over cases: −1 if the most uncertain case is the worst, and so "
    "on; 0 if unrelated."
)

_PATTERNS: tuple[tuple[str, str, str, str, Literal["higher", "lower", ""]], ...] = (
    (r"dice_mean", "Dice, mean of classes", "", _DICE, "higher"),
    (r"dice(?:_(?P<of>.+))?", "Dice{of}", "", _DICE, "higher"),
    (r"contour_(?:score|entropy)(?:_(?P<of>.+))?", "Contour score{of}", "bits", _CONTOUR, ""),
    (r"ece(?:_percent)?", "ECE, all voxels", "%", _ECE, "lower"),
    (r"ece_roi(?:_percent)?", "ECE, around the organ", "%", _ECE, "lower"),
    (r"nll(?:_roi)?", "Negative log-likelihood", "nats", _NLL, "lower"),
    (r"(?:mean_|predictive_|mean_predictive_)?entropy(?:_bits)?", "Mean entropy", "bits", _ENTROPY, ""),
    (r"(?:mean_)?mutual_information(?:_bits)?", "Mean mutual information", "bits", _MI, ""),
    (r"rater_disagreement_auroc", "Entropy finds rater disagreement", "AUROC", _RATERS, "higher"),
    (r"uncertainty_dice_spearman", "Uncertainty–Dice correlation", "", _SPEARMAN, "lower"),
)

_UNCERTAINTY = (
    r"uncertainty",
    r"contour_(?:score|entropy)(?:_(?:foreground|all|mean|volume))?",
    r"contour_.*",
    r".*entropy.*",
    r".*mutual_information.*",
)


def quantity(name: str) -> Quantity:
    """Name, unit and meaning of a column or metric.

    Examples
    --------
    >>> (
    ...     quantity("dice_tumour").label,
    ...     quantity("contour_score_left_kidney").label,
    ...     quantity("my_column").label,
    ... )
    ('Dice, tumour', 'Contour score, left kidney', 'My column')
    """
    if name.endswith(SINGLE):
        same = quantity(name.removesuffix(SINGLE))
        return replace(same, name=name, label=f"{same.label}, best single")
    for pattern, label, unit, meaning, better in (*_PATTERNS, *MEASURED):
        found = re.fullmatch(pattern, name)
        if found:
            of, which = (found.groupdict().get(group) or "" for group in ("of", "which"))
            filled = label.format(of=f", {of.replace('_', ' ')}" if of else "", which=which)
            return Quantity(name, filled[:1].upper() + filled[1:], unit, meaning, better)
    words = name.replace("_", " ").strip()
    return Quantity(name, words[:1].upper() + words[1:])


def uncertainty_column(columns: Iterable[str], subject: str = "") -> str | None:
    """The column by which cases are sorted, unless the user names one: the contour score, or else an entropy.

    Parameters
    ----------
    columns : iterable of str
        The numbers that cases have.
    subject : str
        The class that matters, where the results name one.

    Examples
    --------
    >>> uncertainty_column(["dice_mean", "mean_entropy_bits", "contour_score_tumour"])
    'contour_score_tumour'
    """
    names = list(columns)
    for pattern in (f"contour_(?:score|entropy)_{re.escape(subject)}", *_UNCERTAINTY):
        for name in names:
            if re.fullmatch(pattern, name):
                return name
    return None


def dice_column(columns: Iterable[str], by: str) -> str | None:
    """The column that says how good a case is: Dice of the class that `by` is of, or else of all.

    Examples
    --------
    >>> columns = ["dice_best_single", "dice_kidney", "dice_tumour", "dice_mean"]
    >>> dice_column(columns, "contour_score_tumour"), dice_column(columns, "mean_entropy_bits")
    ('dice_tumour', 'dice_mean')
    >>> dice_column(columns[:2], "mean_entropy_bits")
    'dice_kidney'
    """
    names = [name for name in columns if name.startswith("dice") and not name.endswith(SINGLE)]
    of_class = [name for name in names if by.endswith("_" + name.removeprefix("dice_"))]
    of_all = [name for name in names if name in {"dice_mean", "dice"}]
    return next(iter([*of_class, *of_all, *names]), None)


def in_reading_order(columns: Iterable[str], by: str | None) -> list[str]:
    """What cases are sorted by, how good they are, the rest, and last the best single checkpoint's.

    Examples
    --------
    >>> in_reading_order(["dice_best_single", "volume", "dice", "uncertainty"], "uncertainty")
    ['uncertainty', 'dice', 'volume', 'dice_best_single']
    """
    names = list(columns)
    first = [name for name in (by, dice_column(names, by or "")) if name is not None]
    rest = [name for name in names if name not in first]
    return first + sorted(rest, key=lambda name: name.endswith(SINGLE))
