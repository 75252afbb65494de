"""What an ensemble says about one image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from ckpt_uq import decomposition, maps
from ckpt_uq.arrays import as_tensor
from ckpt_uq.cycles import integer
from ckpt_uq.errors import ArgumentError
from ckpt_uq.logits import as_logits, as_probabilities, transformed
from ckpt_uq.moments import EnsembleMoments, Outputs, Transform


def _same(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True, eq=False)  # arrays have no one truth of being equal
class Prediction:
    """Segmentation and uncertainty maps of one image, on its grid S, with C classes or K regions.

    Maps are computed when first asked for, and come as the kind of array the image was, where it was.

    Attributes
    ----------
    moments : EnsembleMoments
        The means over the members.
    region_order : tuple of int or None
        For regions: the label that each channel paints, later ones over earlier ones.
    give_back : callable
        Turns a tensor into the caller's kind of array.

    Examples
    --------
    >>> import numpy as np
    >>> prediction = Prediction.from_probs(np.array([[0.5, 1.0], [0.5, 0.0]], np.float32))
    >>> prediction.segmentation, prediction.predictive_entropy
    (array([0, 0], dtype=uint8), array([1., 0.], dtype=float32))
    """

    moments: EnsembleMoments
    region_order: tuple[int, ...] | None = None
    give_back: Callable[[Tensor], Any] = field(default=_same, repr=False)

    @classmethod
    def from_probs(
        cls, probs: Any, *, outputs: Outputs = "probs", region_order: tuple[int, ...] | None = None
    ) -> Prediction:
        r"""Wrap probabilities that were averaged elsewhere.

        Parameters
        ----------
        probs : array
            Shape (C, \*S): class probabilities, or with ``outputs='regions'`` those of K regions.
        outputs : {'probs', 'regions'}
            What the numbers are.
        region_order : tuple of int, optional
            As in :class:`~ckpt_uq.ensemble.CheckpointEnsemble`.

        Returns
        -------
        Prediction
            Without ``expected_entropy`` and ``mutual_information``, which the mean alone does not tell.

        Raises
        ------
        ArgumentError
            If ``probs`` is not floating point, has no class axis, or one class alone.
        """
        mean_prob, give_back = as_tensor(probs, "probs")
        if outputs not in ("probs", "regions"):
            raise ArgumentError(
                f"outputs must be 'probs' or 'regions', got {outputs!r}; take the softmax first"
            )
        if mean_prob.ndim < 2 or not mean_prob.is_floating_point():
            raise ArgumentError(
                f"probs must be floating point of shape (C, *spatial), got {mean_prob.dtype} of shape "
                f"{tuple(mean_prob.shape)}"
            )
        if outputs == "probs" and len(mean_prob) < 2:
            raise ArgumentError(
                f"probs must have a channel for each of two or more classes, got {len(mean_prob)}; pass "
                "outputs='regions' for the probability of one region"
            )
        known = EnsembleMoments(mean_prob, mean_entropy=mean_prob.new_full((), math.nan), outputs=outputs)
        return cls(known, _region_order(region_order, known), give_back)

    def recalibrated(self, transform: Transform) -> Prediction:
        r"""Map the logits of the mean probability to others: first ensemble, then temperature.

        Parameters
        ----------
        transform : callable
            Takes and returns a tensor (C, \*S) of logits: the logarithms of the mean probabilities, or for
            regions their log odds.

        Returns
        -------
        Prediction
            Without ``expected_entropy``, ``mutual_information`` and ``variance``, which tell of the members
            as they were.

        Raises
        ------
        ArgumentError
            If the transform returns anything but logits of the shape it got.

        Examples
        --------
        >>> prediction = Prediction.from_probs(torch.tensor([[0.9], [0.1]]))
        >>> prediction.recalibrated(lambda logits: logits / 2).mean_prob
        tensor([[0.7500],
                [0.2500]])
        """
        outputs: Literal["probs", "regions"] = "probs" if self.moments.outputs != "regions" else "regions"
        logits = transformed(transform, as_logits(self.moments.mean_prob, outputs))
        mean_prob = as_probabilities(logits, outputs)
        known = EnsembleMoments(mean_prob, mean_entropy=mean_prob.new_full((), math.nan), outputs=outputs)
        return Prediction(known, self.region_order, self.give_back)

    @property
    def n_members(self) -> int:
        """How many members were averaged; 0 after :meth:`from_probs` and :meth:`recalibrated`."""
        return self.moments.n_members

    @property
    def n_classes(self) -> int:
        """Number of classes, or of regions."""
        return self.moments.mean_prob.shape[0]

    @property
    def grid(self) -> tuple[int, ...]:
        """The spatial shape S."""
        return tuple(self.moments.mean_prob.shape[1:])

    @cached_property
    def mean_prob(self) -> Any:
        r"""Mean of the members' probabilities (Eq. 3), shape (C, \*S)."""
        return self.give_back(self.moments.mean_prob)

    @cached_property
    def segmentation(self) -> Any:
        """Most probable class of every voxel, shape S, the lowest on a tie; regions are painted above 0.5."""
        return self.give_back(self._labels())

    @cached_property
    def predictive_entropy(self) -> Any:
        """Total uncertainty in bits (Eq. 4), shape S, in [0, log2 C]; for regions their sum, in [0, K]."""
        return self.give_back(decomposition.total_entropy(self.moments))

    @cached_property
    def class_entropy(self) -> Any:
        r"""Binary entropy of each class or region in bits, shape (C, \*S), in [0, 1]."""
        return self.give_back(maps.class_entropy(self.moments.mean_prob))

    @cached_property
    def expected_entropy(self) -> Any:
        """Mean of the members' own entropies in bits (aleatoric), shape S."""
        return self.give_back(decomposition.expected_entropy(self.moments))

    @cached_property
    def mutual_information(self) -> Any:
        """Disagreement between the members in bits (epistemic), shape S, >= 0."""
        return self.give_back(decomposition.mutual_information(self.moments))

    @cached_property
    def variance(self) -> Any:
        r"""Variance of each class probability over the members, shape (C, \*S); needs ``variance=True``."""
        return self.give_back(decomposition.variance(self.moments))

    @cached_property
    def member_labels(self) -> Any:
        r"""What each member says, shape (M, \*S), uint8; needs ``labels=True``.

        The member's most probable class, the lowest on a tie. For regions, which may overlap, a number whose
        bit k is set where region k is more probable than not.
        """
        if not self.moments.labels:
            raise ArgumentError(
                "the members' own labels were not kept; predict with a CheckpointEnsemble made with "
                "labels=True"
            )
        return self.give_back(torch.stack(self.moments.labels))

    def _labels(self) -> Tensor:
        probs = self.moments.mean_prob
        if self.region_order is None:
            found: Tensor = maps.likeliest_class(probs)
            return found
        dtype = torch.uint8 if max(self.region_order) < 256 else torch.int32
        labels = torch.zeros(self.grid, dtype=dtype, device=probs.device)
        for region, label in zip(probs, self.region_order, strict=True):
            labels[region > 0.5] = label
        return labels


def of_moments(
    m: EnsembleMoments, region_order: tuple[int, ...] | None, give_back: Callable[[Tensor], Any]
) -> Prediction:
    """Make the prediction that moments amount to."""
    return Prediction(m, _region_order(region_order, m), give_back)


def _region_order(order: tuple[int, ...] | None, m: EnsembleMoments) -> tuple[int, ...] | None:
    n_regions = m.mean_prob.shape[0]
    if m.outputs != "regions":
        if order is not None:
            check_region_order(order, m.outputs)
        return None
    if order is None:
        return tuple(range(1, n_regions + 1))
    check_region_order(order, m.outputs)
    if len(order) != n_regions:
        raise ArgumentError(
            f"region_order must name a label for each of {n_regions} regions, got {tuple(order)}"
        )
    return tuple(order)


def check_region_order(order: Sequence[int], outputs: Outputs) -> None:
    """Raise ArgumentError for an order that fits no number of regions."""
    if outputs != "regions":
        raise ArgumentError(f"region_order needs outputs='regions', got outputs={outputs!r}")
    for label in order:
        integer("every label of region_order", label)
