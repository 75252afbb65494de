"""Everything that is asked of a volume of probabilities, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex, get_args

import numpy as np

from ckpt_uq.arrays import borrow, borrow_bits, is_tensor
from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.samples import view_samples
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.dice import dice_of_counts
from ckpt_uq.grid import as_slice_axis
from ckpt_uq.kernels.analysis import Question, analyze_slices
from ckpt_uq.kernels.counting import contour_sizes, count_pairs
from ckpt_uq.kernels.top import MOST_CLASSES
from ckpt_uq.maps import likeliest_class, predictive_entropy
from ckpt_uq.probabilities import dtype_name, require_float
from ckpt_uq.scores._mask import MaskBy
from ckpt_uq.scores._slices import checked_element, sum_of_slices
from ckpt_uq.scores.contour_entropy import ContourTerms

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Analysis:
    r"""What :func:`analyze` found, on a grid S of ``n_slices`` slices with C classes.

    Attributes
    ----------
    entropy : array or None
        Predictive entropy in bits, shape S, of the kind of the probabilities; None unless maps were wanted.
    segmentation : array or None
        Most probable class, the lowest on a tie, shape S, uint8 (int32 from 257 classes on); None unless maps
        were wanted.
    entropy_bits : numpy.ndarray
        Sum of the entropy in each slice, float64, shape (n_slices,).
    contour_voxels : numpy.ndarray
        Contour voxels of each class in each slice, int64, shape (C, n_slices).
    bins : CalibrationBins or None
        Top-label calibration; None without labels.
    confusion : numpy.ndarray or None
        int64, shape (C, C): voxels of label i segmented as j; None without labels.
    settings : dict
        How the contours were drawn; plain enough for JSON.

    Examples
    --------
    >>> probs = np.array([[[0.5, 1.0, 1.0]], [[0.5, 0.0, 0.0]]])
    >>> found = analyze(probs, np.array([[0, 0, 1]]))
    >>> found.entropy_bits, found.contour_voxels.tolist(), found.confusion.tolist()
    (array([1.]), [[1], [0]], [[2, 0], [1, 0]])
    """

    entropy: Any
    segmentation: Any
    entropy_bits: Array
    contour_voxels: Array
    bins: CalibrationBins | None
    confusion: Array | None
    settings: dict[str, Any]

    def contour_terms(self, class_index: int) -> ContourTerms:
        """Numerator and denominator of the contour score of one class, slice by slice."""
        if not 0 <= class_index < len(self.contour_voxels):
            raise ArgumentError(f"class_index must lie in [0, {len(self.contour_voxels)}), got {class_index}")
        return ContourTerms(self.entropy_bits, self.contour_voxels[class_index], self.settings)

    @property
    def dice(self) -> Array:
        """Dice of each class, float64, shape (C,); NaN for a class that neither has."""
        if self.confusion is None:
            raise ArgumentError("dice needs labels; give them to analyze")
        return dice_of_counts(self.confusion)


def analyze(
    probs: Any,
    labels: Any = None,
    *,
    mask: Any = None,
    ignore_label: int | None = None,
    n_bins: int = 15,
    contour: MaskBy = "threshold",
    ndim: Literal[2, 3] = 2,
    slice_axis: SupportsIndex = 0,
    element: Any = None,
    maps: bool = True,
    out: tuple[Any, Any] | None = None,
) -> Analysis:
    r"""Entropy, segmentation, contours, calibration and confusion of a volume of class probabilities.

    The same numbers as of :func:`~ckpt_uq.maps.predictive_entropy`, ``argmax``,
    :func:`~ckpt_uq.scores.contour_entropy.contour_terms` for every class,
    :class:`~ckpt_uq.calibration.bins.CalibrationBins` and a confusion matrix, for the price of little more
    than reading the probabilities once.

    Parameters
    ----------
    probs : array
        Class probabilities, shape (C, \*S) with a grid S of one to three dimensions, as for
        :func:`~ckpt_uq.maps.predictive_entropy`.
    labels : array, optional
        Ground truth, integers in [0, C), shape S.
    mask : array, optional
        Boolean, shape S: the voxels whose labels count, in ``bins`` and in ``confusion``. Labels elsewhere
        may be anything; probabilities may not.
    ignore_label : int, optional
        Voxels with this label do not count either.
    n_bins : int
        Bins of confidence.
    contour : {'threshold', 'argmax'}
        The contour of class k runs around the voxels whose probability exceeds 1/2 (Eq. 5), or around those
        segmented as k.
    ndim : {2, 3}
        Dilate within each slice, or in three dimensions.
    slice_axis : int
        The axis of a 3D grid along which slices follow each other; other grids are one slice.
    element : array, optional
        Structuring element, as for :func:`~ckpt_uq.scores.contour_entropy.contour_entropy`.
    maps : bool
        Whether the two maps are wanted. Without them no memory of the volume's size is used.
    out : (array, array), optional
        Where to put entropy and segmentation: of the kind, device, shape and dtype that would be returned.
        After an error their content is undefined.

    Returns
    -------
    Analysis

    Raises
    ------
    ArgumentError
        If shapes or dtypes do not fit, `probs` are no probabilities, or counted labels are no classes.

    References
    ----------
    .. [1] Eqs. 3-9 of the paper; C. Guo et al. (2017), arXiv:1706.04599, for calibration in bins.

    Examples
    --------
    >>> foreground = np.array([[0.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 0.0]])
    >>> found = analyze(np.stack([1 - foreground, foreground]), (foreground > 0.5).astype(int))
    >>> found.segmentation.tolist(), found.contour_terms(1).volume, found.dice.tolist()
    ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1.0, [1.0, 1.0])
    >>> round(found.bins.ece(), 3)
    0.222
    """
    require_float(probs)
    axis = _checked_axis(tuple(probs.shape), slice_axis, ndim)
    shape = checked_element(element, ndim)
    if contour not in get_args(MaskBy):
        raise ArgumentError(f"contour must be one of {get_args(MaskBy)}, got {contour!r}")
    settings = {
        "entropy": "all",
        "mask": contour,
        "ndim": ndim,
        "slice_axis": axis,
        "element": shape.astype(int).tolist(),
    }
    step = shape[None] if ndim == 2 else np.moveaxis(shape, axis, 0)
    fused = _fused(probs, labels, mask, ignore_label, n_bins, contour, step, axis, settings, maps, out)
    if fused is not None:
        return fused
    bits, segmentation = _maps(probs, out)
    p = borrow(probs, "probs").data
    found = borrow(segmentation, "segmentation").data
    regions = (p[k] > 0.5 if contour == "threshold" else found == k for k in range(len(p)))
    bins, counts = _against_labels(p, found, labels, mask, ignore_label, n_bins)
    return Analysis(
        entropy=bits if maps or out is not None else None,
        segmentation=segmentation if maps or out is not None else None,
        entropy_bits=sum_of_slices(_slices(borrow(bits, "entropy").data, axis)),
        contour_voxels=np.stack([contour_sizes(_slices(region, axis), step) for region in regions]),
        bins=bins,
        confusion=counts,
        settings=settings,
    )


def _fused(
    probs: Any,
    labels: Any,
    mask: Any,
    ignore_label: int | None,
    n_bins: int,
    contour: MaskBy,
    step: Array,
    axis: int,
    settings: dict[str, Any],
    maps: bool,
    out: tuple[Any, Any] | None,
) -> Analysis | None:
    """The same in one pass over what lies in host memory; None where that is not possible, or not plain."""
    lent = borrow_bits(probs, "probs")
    p, truth, inside = lent.data, None, None
    if is_tensor(p) or p.dtype == np.float64 or not 0 < len(p) <= MOST_CLASSES or 0 in p.shape:
        return None
    if (labels is None and (mask is not None or ignore_label is not None)) or not _fit(probs, p, out):
        return None
    bins = CalibrationBins(n_bins, n_classes=len(p)) if labels is not None else None
    if labels is not None:
        _, truth, inside = view_samples(probs, labels, mask, None)
    filled: tuple[Any, Any] = (None, None)
    if out is not None:
        filled = (borrow(out[0], "out").data, borrow(out[1], "out").data)
    elif maps:
        filled = (np.empty(p.shape[1:], np.float32), np.empty(p.shape[1:], np.uint8))
    question = Question(
        labels=None if truth is None else _slices(truth, axis),
        mask=None if inside is None else _slices(inside, axis),
        ignore_label=ignore_label,
        edges=CalibrationBins(n_bins).edges,
        element=step,
        by_threshold=contour == "threshold",
    )
    planes = (
        np.moveaxis(p, axis + 1, 1) if p.ndim == 4 else p.reshape(len(p), *(1,) * (4 - p.ndim), *p.shape[1:])
    )
    answer = analyze_slices(planes, question, *(None if m is None else _slices(m, axis) for m in filled))
    if answer is None:
        return None
    if bins is not None:
        bins.absorb(answer.bins)
    given = out if out is not None else tuple(None if m is None else lent.give_back(m) for m in filled)
    return Analysis(
        entropy=given[0],
        segmentation=given[1],
        entropy_bits=answer.entropy_bits,
        contour_voxels=answer.contour_voxels,
        bins=bins,
        confusion=None if labels is None else answer.confusion,
        settings=settings,
    )


def _fit(probs: Any, p: Array, out: tuple[Any, Any] | None) -> bool:
    """Whether maps can be filled where they lie; what is wrong with others is said elsewhere."""
    wanted = ((p.shape[1:], "float32"), (p.shape[1:], "uint8"))
    if out is None:
        return True
    return all(
        isinstance(target, np.ndarray) == isinstance(probs, np.ndarray)
        and isinstance(borrow(target, "out").data, np.ndarray)
        and (tuple(target.shape), dtype_name(target.dtype)) == kind
        and np.asarray(borrow(target, "out").data).flags.writeable
        and not np.may_share_memory(borrow(target, "out").data, p)
        for target, kind in zip(out, wanted, strict=True)
    )


def _maps(probs: Any, out: tuple[Any, Any] | None) -> tuple[Any, Any]:
    bits = predictive_entropy(probs, out=None if out is None else out[0])
    labels = likeliest_class(probs)
    if out is None:
        return bits, labels
    found, target = borrow(labels, "probs").data, borrow(out[1], "out").data
    shape, dtype = tuple(found.shape), dtype_name(found.dtype)
    if (tuple(target.shape), dtype_name(target.dtype)) != (shape, dtype):
        raise ArgumentError(
            f"out[1], the segmentation, must be {dtype} of shape {shape}, got {dtype_name(target.dtype)} of "
            f"shape {tuple(target.shape)}"
        )
    target[...] = found
    return bits, out[1]


def _against_labels(
    p: Any, segmentation: Any, labels: Any, mask: Any, ignore_label: int | None, n_bins: int
) -> tuple[CalibrationBins | None, Array | None]:
    if labels is None:
        if mask is not None or ignore_label is not None:
            raise ArgumentError("mask and ignore_label choose among labels; give labels too, or neither")
        return None, None
    _, truth, inside = view_samples(p, labels, mask, None, stay=True)
    if ignore_label is not None:
        inside = truth != ignore_label if inside is None else inside & (truth != ignore_label)
    bins = CalibrationBins(n_bins, n_classes=len(p))
    bins.update(p, truth, mask=inside)
    if inside is not None:
        segmentation, truth = segmentation[inside], truth[inside]
    return bins, count_pairs(segmentation, truth, len(p)).counts


def _slices(array: Any, axis: int) -> Any:
    if array.ndim == 3:
        return array.movedim(axis, 0) if is_tensor(array) else np.moveaxis(array, axis, 0)
    return array.reshape((1,) * (3 - array.ndim) + tuple(array.shape))


def _checked_axis(shape: tuple[int, ...], slice_axis: SupportsIndex, ndim: int) -> int:
    if ndim not in (2, 3):
        raise ArgumentError(f"ndim must be one of (2, 3), got {ndim!r}")
    if not 2 <= len(shape) <= 4 or len(shape) - 1 < ndim - 1 or (ndim == 3 and len(shape) != 4):
        raise ArgumentError(
            f"probs must have shape (C, *S) with a grid of {1 if ndim == 2 else 3} to 3 dimensions for "
            f"ndim={ndim}, got {shape}"
        )
    return as_slice_axis(slice_axis, len(shape) - 1)
