"""Calibration in bins: what is said with 80 % confidence should be right in 80 % of the cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ckpt_uq.calibration.samples import view_samples
from ckpt_uq.cycles import integer
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.bins import BinSums
from ckpt_uq.kernels.counting import sort_into_bins
from ckpt_uq.probabilities import require_classes, require_distribution

Kind = Literal["top_label", "class_wise"]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Reliability:
    """The points of a reliability diagram; arrays of shape (n_bins,), or (C, n_bins) for all classes."""

    confidence: Array
    """Mean confidence of each bin, float64; NaN where it is empty."""
    accuracy: Array
    """Share of samples that were right, float64; NaN where the bin is empty."""
    count: Array
    """Samples, int64."""


class CalibrationBins:
    r"""Confidence and accuracy in bins, streamed over images of any number and size.

    .. math::
        \mathrm{ECE} = \sum_b \frac{n_b}{N} \, | \mathrm{acc}_b - \mathrm{conf}_b |, \qquad
        \mathrm{MCE} = \max_{b:\, n_b > 0} | \mathrm{acc}_b - \mathrm{conf}_b |

    Bin j of n holds the confidences in (j/n, (j + 1)/n], the first also 0, the last also 1. Confidences are
    compared as they are with the float64 nearest to j/n; what rounding left above 1 counts as 1. Samples
    are counted in int64 and summed in float64, so no number of them is too many; memory does not grow with
    it.

    Parameters
    ----------
    n_bins : int
        How many bins, of equal width.
    kind : {'top_label', 'class_wise'}
        'top_label': the confidence is the largest probability, right if its class is the label (the first
        class on a tie). 'class_wise': every class by itself, its probability against whether it is the
        label; the ECE is the mean over the classes, the MCE their maximum. For a binary model or one region
        with probability p, give 'class_wise' the stack (1 - p, p) and ask for ``class_index=1``.
    n_classes : int, optional
        C; taken from the first update by default.

    References
    ----------
    .. [1] C. Guo et al. (2017), arXiv:1706.04599; M. Kull et al. (2019), arXiv:1910.12656, for class-wise.

    Examples
    --------
    >>> bins = CalibrationBins(n_bins=10)
    >>> bins.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
    >>> bins.ece()
    0.25
    """

    def __init__(self, n_bins: int = 15, kind: Kind = "top_label", n_classes: int | None = None) -> None:
        n_bins = integer("n_bins", n_bins)
        if kind not in get_args(Kind):
            raise ArgumentError(f"kind must be one of {get_args(Kind)}, got {kind!r}")
        if n_classes is not None and n_classes < 1:
            raise ArgumentError(f"n_classes must be >= 1, got {n_classes}")
        self.n_bins = n_bins
        self.kind: Kind = kind
        self.n_classes = n_classes
        self._sums = BinSums.empty(n_classes or 1 if kind == "class_wise" else 1, n_bins)

    @classmethod
    def of_sums(
        cls, sums: BinSums, kind: Kind = "top_label", n_classes: int | None = None
    ) -> CalibrationBins:
        """Bins from what :attr:`sums` gave, such as read from a file or gathered from other processes.

        Raises
        ------
        ArgumentError
            If the rows are not one for 'top_label', or `n_classes` for 'class_wise'.

        Examples
        --------
        >>> bins = CalibrationBins(n_bins=10)
        >>> bins.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
        >>> CalibrationBins.of_sums(bins.sums).ece()
        0.25
        """
        rows, n_bins = sums.counts.shape
        if rows != (1 if kind == "top_label" else n_classes or rows):
            raise ArgumentError(
                f"sums must have one row, or with kind='class_wise' one a class, got {rows} for "
                f"kind={kind!r} and n_classes={n_classes}"
            )
        bins = cls(n_bins, kind, rows if kind == "class_wise" else n_classes)
        bins._sums = sums
        return bins

    @property
    def sums(self) -> BinSums:
        """What was counted: int64 counts and hits, float64 confidence, each (1 or C, n_bins)."""
        return self._sums

    @property
    def edges(self) -> Array:
        """The n_bins + 1 edges, float64."""
        return np.arange(self.n_bins + 1) / self.n_bins

    @property
    def n_samples(self) -> int:
        """How many voxels were counted."""
        return int(self._sums.counts[:1].sum())

    def update(self, probs: Any, labels: Any, *, mask: Any = None, ignore_label: int | None = None) -> None:
        r"""Count the voxels of an image, or of any part of one.

        Parameters
        ----------
        probs : array
            Class probabilities, shape (C, \*S), as for :func:`~ckpt_uq.maps.predictive_entropy`.
        labels : array
            Ground truth, integers in [0, C), shape S.
        mask : array, optional
            Boolean, shape S: the voxels to count; probabilities and labels elsewhere may be anything.
        ignore_label : int, optional
            Voxels with this label are not counted either, nor looked at.

        Raises
        ------
        ArgumentError
            If shapes or dtypes do not fit, or inside the mask `probs` are no probabilities or `labels` no
            classes. Nothing is counted then.
        """
        p, truth, inside = view_samples(probs, labels, mask, self.n_classes, stay=True)
        found = sort_into_bins(
            p, truth, inside, self.edges, top_label=self.kind == "top_label", ignore_label=ignore_label
        )
        require_distribution(found.probs)
        require_classes(*found.labels, len(p))
        self.n_classes = len(p)
        self._sums = self._sums.plus(found.bins) if self.n_samples else found.bins

    def absorb(self, sums: BinSums) -> None:
        """Add what was counted elsewhere, in bins of these edges."""
        self._sums = self._sums.plus(sums)

    def merge(self, other: CalibrationBins) -> CalibrationBins:
        """Bins of the samples of both, as a new object, such as of cases into those of a cohort.

        Counts equal those of updating one object with all samples; sums too, up to their rounding in float64.

        Raises
        ------
        ArgumentError
            If the two have not the same `n_bins`, `kind` and `n_classes`.

        Examples
        --------
        >>> import functools
        >>> cases = [CalibrationBins(), CalibrationBins()]
        >>> for bins, label in zip(cases, (0, 1)):
        ...     bins.update(np.array([[0.75], [0.25]]), np.array([label]))
        >>> [bins.ece() for bins in cases], functools.reduce(CalibrationBins.merge, cases).ece()
        ([0.25, 0.75], 0.25)
        """
        mine, theirs = ((b.n_bins, b.kind, b.n_classes) for b in (self, other))
        if mine[:2] != theirs[:2] or (None not in (mine[2], theirs[2]) and mine[2] != theirs[2]):
            raise ArgumentError(
                f"bins to merge must agree in (n_bins, kind, n_classes), got {mine} and {theirs}"
            )
        merged = CalibrationBins(self.n_bins, self.kind, self.n_classes or other.n_classes)
        full = [b._sums for b in (self, other) if b.n_samples]
        for sums in full:
            merged._sums = merged._sums.plus(sums)
        return merged

    def ece(self, class_index: int | None = None) -> float:
        """Expected calibration error, in [0, 1].

        Parameters
        ----------
        class_index : int, optional
            For 'class_wise': the error of this class alone, instead of the mean over the classes.

        Returns
        -------
        float
            NaN if nothing was counted.
        """
        sums = self._rows(class_index)
        if not self.n_samples:
            return float("nan")
        return float(np.abs(sums.hits - sums.confidence).sum() / sums.counts.sum())

    def mce(self, class_index: int | None = None) -> float:
        """Maximum calibration error, in [0, 1]: of the worst bin, however few samples it holds.

        Parameters
        ----------
        class_index : int, optional
            For 'class_wise': the error of this class alone, instead of the maximum over the classes.

        Returns
        -------
        float
            NaN if nothing was counted.
        """
        sums = self._rows(class_index)
        if not self.n_samples:
            return float("nan")
        filled = sums.counts > 0
        return float(np.max(np.abs(sums.hits - sums.confidence)[filled] / sums.counts[filled]))

    def reliability(self, class_index: int | None = None) -> Reliability:
        """Mean confidence, accuracy and count of each bin, for a reliability diagram.

        Parameters
        ----------
        class_index : int, optional
            For 'class_wise': the bins of this class alone.
        """
        sums = self._rows(class_index)
        if self.kind == "top_label" or class_index is not None:
            sums = BinSums(*(rows[0] for rows in sums))
        count = np.where(sums.counts > 0, sums.counts, np.nan)
        return Reliability(sums.confidence / count, sums.hits / count, sums.counts.copy())

    def _rows(self, class_index: int | None) -> BinSums:
        if class_index is None:
            return self._sums
        if self.kind != "class_wise" or not 0 <= class_index < (self.n_classes or 0):
            raise ArgumentError(
                f"class_index must be a class of class-wise bins, got {class_index} for kind={self.kind!r} "
                f"with n_classes={self.n_classes}"
            )
        return BinSums(*(rows[class_index : class_index + 1] for rows in self._sums))
