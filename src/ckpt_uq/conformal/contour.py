"""Which contour of which voxels, and how cautious it was found to have to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ckpt_uq.conformal.families import (
    inner_margin,
    inner_threshold,
    margins,
    outer_margin,
    outer_threshold,
    thresholds,
)
from ckpt_uq.conformal.losses import missed_lesions, missed_voxels, surplus_voxels
from ckpt_uq.cycles import integer
from ckpt_uq.errors import ArgumentError

Array = np.ndarray[Any, Any]
Loss = Literal["missed_voxels", "missed_lesions", "surplus_voxels"]
Family = Literal["threshold", "margin"]

LARGEST_MM = 100.0
"""Margins are tried up to here in a thousand equal steps, and then the whole image."""


@dataclass(frozen=True)
class ContourRule:
    """A family of nested contours around the voxels of some labels, and what a contour may get wrong.

    Parameters
    ----------
    labels : tuple of int
        What is drawn around: the voxels that are of any of these classes, background excluded.
    loss : {'missed_voxels', 'missed_lesions', 'surplus_voxels'}
        See :mod:`ckpt_uq.conformal.losses`. The last is of an inner contour, the others are of an outer one.
    family : {'threshold', 'margin'}
        Lambda is a probability, or a distance from the segmentation in mm.
    min_overlap : float
        For 'missed_lesions': a lesion is found if more than this share of it is inside.

    Raises
    ------
    ArgumentError
        If one of them makes no sense.

    Examples
    --------
    >>> rule = ContourRule((1,), "missed_voxels")
    >>> when = rule.map_of(np.array([[0.1, 0.6], [0.9, 0.4]]), np.array([1, 0]))
    >>> when, rule.inside(when, 0.5)
    (array([0.1, 0.6]), array([ True, False]))
    """

    labels: tuple[int, ...]
    loss: Loss = "missed_voxels"
    family: Family = "threshold"
    min_overlap: float = 0.0

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) < len(self.labels):
            raise ArgumentError(f"labels must be different classes, at least one, got {self.labels}")
        for label in self.labels:
            integer("labels", label)
        if self.loss not in get_args(Loss):
            raise ArgumentError(f"loss must be one of {get_args(Loss)}, got {self.loss!r}")
        if self.family not in get_args(Family):
            raise ArgumentError(f"family must be one of {get_args(Family)}, got {self.family!r}")
        if not 0 <= self.min_overlap < 1:
            raise ArgumentError(f"min_overlap must lie in [0, 1), got {self.min_overlap}")

    @property
    def is_outer(self) -> bool:
        """Whether the truth is to lie inside the contour, rather than the contour inside the truth."""
        return self.loss != "surplus_voxels"

    @property
    def lambdas(self) -> Array:
        """What is tried, rising: probabilities, or distances in mm."""
        return thresholds() if self.family == "threshold" else margins(LARGEST_MM, n=1000)

    def map_of(self, probs: Any, segmentation: Any, *, spacing: tuple[float, ...] | None = None) -> Array:
        r"""The lambda at which each voxel enters the outer contour, or leaves the inner one.

        Parameters
        ----------
        probs : array
            Class probabilities, shape (C, \*S); for margins they are not looked at.
        segmentation : array
            Integers, shape S; for thresholds they are not looked at.
        spacing : tuple of float, optional
            Of the voxels in mm, for margins.

        Returns
        -------
        numpy.ndarray
            float64, shape S.

        Raises
        ------
        ArgumentError
            If there is no such class, or the numbers are no probabilities.
        """
        if self.family == "margin":
            mask = self.truth_in(segmentation)
            return (outer_margin if self.is_outer else inner_margin)(mask, spacing=spacing)
        if max(self.labels) >= len(probs):
            raise ArgumentError(
                f"labels must be among the {len(probs)} classes of the probabilities, got {self.labels}"
            )
        together = sum(np.asarray(probs[label], np.float64) for label in self.labels)
        return (outer_threshold if self.is_outer else inner_threshold)(together)

    def truth_in(self, label_map: Any) -> Array:
        """Mask of the voxels of a label map that the rule is about."""
        return np.isin(np.asarray(label_map), self.labels)

    def losses(self, when: Array, truth: Array, lambdas: Array | Sequence[float]) -> Array:
        """What the contour of each lambda gets wrong, in [0, 1]; NaN if there is nothing of the labels.

        Parameters
        ----------
        when : array
            As of :meth:`map_of`.
        truth : array
            Boolean, shape S.
        lambdas : array
            Rising.
        """
        if self.loss == "missed_lesions":
            return missed_lesions(when, truth, lambdas, min_overlap=self.min_overlap)
        return (missed_voxels if self.is_outer else surplus_voxels)(when, truth, lambdas)

    def inside(self, when: Array, lam: float) -> Array:
        """Mask of the contour of one lambda."""
        return np.asarray(when <= lam if self.is_outer else when > lam)


@dataclass(frozen=True)
class GuaranteedContour:
    """A contour, and what is promised of it.

    If the calibration cases and a new one are exchangeable, and the model has seen none of them, the expected
    loss of the new case is at most alpha: on average, and for cases that have the labels.

    Attributes
    ----------
    rule : ContourRule
        Which contour.
    alpha : float
        The loss that is accepted, on average.
    lam : float
        How cautious it has to be; infinity is the whole image, or nothing of it.
    mean_loss : float
        Of the calibration cases at this lambda.
    cases : tuple of str
        Names of the calibration cases that have the labels.

    Examples
    --------
    >>> print(GuaranteedContour(ContourRule((2,)), 0.1, 0.75, 0.05, ("a", "b")).promise)
    at most 10 % of the voxels of label 2 are missed on average
    """

    rule: ContourRule
    alpha: float
    lam: float
    mean_loss: float
    cases: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ArgumentError(f"alpha must lie in (0, 1), got {self.alpha}; 10 % is 0.1")
        if math.isnan(self.lam) or self.lam < 0:
            raise ArgumentError(f"lam must be >= 0, got {self.lam}")

    @property
    def where(self) -> str:
        """The contour in words."""
        rule = self.rule
        if rule.family == "threshold":
            return f"probability {f'>= {1 - self.lam:.4g}' if rule.is_outer else f'> {self.lam:.4g}'}"
        if math.isinf(self.lam):
            return "the whole image" if rule.is_outer else "nothing"
        return f"the segmentation {'grown' if rule.is_outer else 'shrunk'} by {self.lam:.4g} mm"

    @property
    def promise(self) -> str:
        """What is promised, in words."""
        share, labels = f"{100 * self.alpha:g} %", ", ".join(map(str, self.rule.labels))
        of = f"label{'s' if len(self.rule.labels) > 1 else ''} {labels}"
        if self.rule.loss == "surplus_voxels":
            return f"at most {share} as many voxels as {of} has are inside without being of it, on average"
        what = "voxels" if self.rule.loss == "missed_voxels" else "lesions"
        return f"at most {share} of the {what} of {of} are missed on average"
