"""A sketch of all confidences, of fixed size, from which finer calibration errors are computed."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import numpy as np

from ckpt_uq.calibration.bins import Kind
from ckpt_uq.calibration.samples import view_samples
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.cells import Cells, sort_into_cells
from ckpt_uq.probabilities import require_classes, require_distribution


class Bounded(NamedTuple):
    """A value computed from a sketch; the value of the samples themselves is at most ``bound`` away."""

    value: float
    bound: float


class CalibrationSketch:
    r"""Confidence and accuracy in 6,146 fine cells, streamed over images of any number and size.

    Equal-mass bins, distribution functions and smoothing need the order of the samples. Cells whose width is
    less than 1/128 of the distance to the nearer end of [0, 1] (below :math:`2^{-25}` there is one) tell it
    well enough to state, for each quantity and each data set, how far it can be from the exact one. Counts
    are int64 and sums float64; memory is 300 kB a class, whatever the number of samples.

    Parameters
    ----------
    kind : {'top_label', 'class_wise'}
        As for :class:`~ckpt_uq.calibration.bins.CalibrationBins`. For a binary model or one region with
        probability p of the positive class, give 'class_wise' the stack (1 - p, p) and ask for
        ``class_index=1``.
    threshold : float
        Only confidences above it count, such as 0.001 for the thresholded errors of [1]_. 0, the default,
        counts all, those that are 0 too.
    n_classes : int, optional
        C; taken from the first update by default.

    References
    ----------
    .. [1] J. Nixon et al. (2019), arXiv:1904.01685.

    Examples
    --------
    >>> from ckpt_uq.calibration.adaptive import ace
    >>> sketch = CalibrationSketch()
    >>> sketch.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
    >>> ace(sketch)
    Bounded(value=0.25, bound=0.0)
    """

    def __init__(
        self, kind: Kind = "top_label", *, threshold: float = 0.0, n_classes: int | None = None
    ) -> None:
        if kind not in get_args(Kind):
            raise ArgumentError(f"kind must be one of {get_args(Kind)}, got {kind!r}")
        if not 0 <= threshold < 1:
            raise ArgumentError(f"threshold must lie in [0, 1), got {threshold}; 0 counts every sample")
        if n_classes is not None and n_classes < 1:
            raise ArgumentError(f"n_classes must be >= 1, got {n_classes}")
        self.kind: Kind = kind
        self.threshold = threshold
        self.n_classes = n_classes
        self._cells: Cells | None = None

    @classmethod
    def of_cells(
        cls, cells: Cells, kind: Kind = "top_label", *, threshold: float = 0.0, n_classes: int | None = None
    ) -> CalibrationSketch:
        """Sketch from what :attr:`cells` gave, such as gathered from other processes.

        Raises
        ------
        ArgumentError
            If the rows are not one for 'top_label', or `n_classes` for 'class_wise'.

        Examples
        --------
        >>> sketch = CalibrationSketch()
        >>> sketch.update(np.array([[0.75, 0.75], [0.25, 0.25]]), np.array([0, 1]))
        >>> CalibrationSketch.of_cells(sketch.cells).rows()[0].counts
        array([2])
        """
        rows = len(cells.counts)
        if rows != (1 if kind == "top_label" else n_classes or rows):
            raise ArgumentError(
                f"cells must have one row, or with kind='class_wise' one a class, got {rows} for "
                f"kind={kind!r} and n_classes={n_classes}"
            )
        sketch = cls(kind, threshold=threshold, n_classes=rows if kind == "class_wise" else n_classes)
        sketch._cells = cells
        return sketch

    @property
    def cells(self) -> Cells:
        """What was counted, arrays of shape (1 or C, 6146)."""
        if self._cells is not None:
            return self._cells
        return Cells.empty(1 if self.kind == "top_label" else self.n_classes or 1)

    def update(self, probs: Any, labels: Any, *, mask: Any = None) -> None:
        r"""Count the voxels of an image, or of any part of one.

        Parameters
        ----------
        probs : array
            Class probabilities, shape (C, \*S).
        labels : array
            Ground truth, integers in [0, C), shape S.
        mask : array, optional
            Boolean, shape S: the voxels to count; probabilities and labels elsewhere may be anything.

        Raises
        ------
        ArgumentError
            If shapes or dtypes do not fit, or inside the mask `probs` are no probabilities or `labels` no
            classes. Nothing is counted then.
        """
        p, truth, inside = view_samples(probs, labels, mask, self.n_classes)
        lowest = self.threshold if self.threshold else -1.0
        found = sort_into_cells(p, truth, inside, top_label=self.kind == "top_label", threshold=lowest)
        require_distribution(found.probs)
        require_classes(*found.labels, len(p))
        self.n_classes = len(p)
        if self._cells is None:
            self._cells = found.cells
        else:
            self._cells.absorb(found.cells)

    def merge(self, other: CalibrationSketch) -> CalibrationSketch:
        """Sketch of the samples of both, as a new object, such as of cases into that of a cohort.

        Raises
        ------
        ArgumentError
            If the two have not the same `kind`, `threshold` and `n_classes`.
        """
        mine, theirs = ((s.kind, s.threshold, s.n_classes) for s in (self, other))
        if mine[:2] != theirs[:2] or (None not in (mine[2], theirs[2]) and mine[2] != theirs[2]):
            raise ArgumentError(
                f"sketches to merge must agree in (kind, threshold, n_classes), got {mine} and {theirs}"
            )
        n_classes = self.n_classes or other.n_classes
        merged = CalibrationSketch(self.kind, threshold=self.threshold, n_classes=n_classes)
        full = [s._cells for s in (self, other) if s._cells is not None]
        if full:
            merged._cells = Cells.empty(len(full[0].counts))
            for cells in full:
                merged._cells.absorb(cells)
        return merged

    def rows(self, class_index: int | None = None) -> list[Cells]:
        """Cells that hold samples, in the order of confidence, one :class:`Cells` a row; empty ones left out.

        Parameters
        ----------
        class_index : int, optional
            For 'class_wise': this class alone.

        Raises
        ------
        ArgumentError
            If there is no such class, or 'top_label' is asked for one.
        """
        if class_index is not None and (
            self.kind != "class_wise" or not 0 <= class_index < (self.n_classes or 0)
        ):
            raise ArgumentError(
                f"class_index must be a class of a class-wise sketch, got {class_index} for "
                f"kind={self.kind!r} with n_classes={self.n_classes}"
            )
        if self._cells is None:
            return []
        indices = range(len(self._cells.counts)) if class_index is None else (class_index,)
        return [self._filled(self._cells, k) for k in indices]

    @staticmethod
    def _filled(cells: Cells, row: int) -> Cells:
        filled = np.flatnonzero(cells.counts[row])
        return Cells(*(array[row, filled] for array in cells))


def mean_over_rows(values: list[Bounded]) -> Bounded:
    """Mean over the classes that have a sample, and of their bounds; NaN if none has."""
    known = [v for v in values if not np.isnan(v.value)]
    if not known:
        return Bounded(float("nan"), float("nan"))
    return Bounded(*(float(np.mean(numbers)) for numbers in zip(*known, strict=True)))
