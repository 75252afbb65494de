"""The paper's uncertainty score: entropy of the whole, over the length of the contour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ckpt_uq.arrays import borrow_bits
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.counting import contour_sizes, threshold_contours
from ckpt_uq.scores._mask import MaskBy, mask_where_it_lies, require_class
from ckpt_uq.scores._slices import checked_element, checked_slice_axis, slices_first, sum_of_slices

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction

EntropyOf = Literal["all", "class"]


@dataclass(frozen=True)
class ContourTerms:
    """Numerator and denominator of the score, slice by slice.

    Attributes
    ----------
    entropy_bits : numpy.ndarray
        Sum of the entropy map in each slice, float64.
    contour_voxels : numpy.ndarray
        Contour voxels in each slice, int64.
    settings : dict
        How they were computed; plain enough for JSON.
    """

    entropy_bits: np.ndarray[Any, Any]
    contour_voxels: np.ndarray[Any, Any]
    settings: dict[str, Any]

    @property
    def volume(self) -> float:
        """Score of the whole image, bits per contour voxel; NaN without a contour."""
        length = int(self.contour_voxels.sum())
        return float(self.entropy_bits.sum()) / length if length else float("nan")

    @property
    def slices(self) -> np.ndarray[Any, Any]:
        """Score of each slice, float64; NaN for slices without a contour."""
        scores = np.full(self.entropy_bits.shape, np.nan)
        np.divide(self.entropy_bits, self.contour_voxels, out=scores, where=self.contour_voxels > 0)
        return scores


def contour_entropy(
    prediction: Prediction,
    class_index: int,
    *,
    entropy: EntropyOf = "all",
    mask: MaskBy = "threshold",
    ndim: Literal[2, 3] = 2,
    slice_axis: int = 0,
    element: Any = None,
) -> float:
    r"""Entropy of the image per voxel of a class's contour: high when the model is unsure.

    .. math::
        I = [\bar p_k > \tfrac12], \quad I^* = \mathrm{dilate}(I), \quad
        u_k = \frac{\sum_x H(x)}{\sum_x I^*(x) \wedge \neg I(x)}

    Parameters
    ----------
    prediction : Prediction
        On a grid of two dimensions, one slice, or of three.
    class_index : int
        The class k (or region).
    entropy : {'all', 'class'}
        H: the predictive entropy over all classes (Eq. 4), or the binary entropy of class k.
    mask : {'threshold', 'argmax'}
        I: where the mean probability of class k exceeds 1/2 (Eq. 5), or where class k is segmented.
    ndim : {2, 3}
        Dilate within each slice, or in three dimensions.
    slice_axis : int
        The axis of a 3D grid along which slices follow each other.
    element : array, optional
        Structuring element of `ndim` dimensions, its axes in the grid's order (in-plane: without
        `slice_axis`); one step along each axis by default.

    Returns
    -------
    float
        Bits per contour voxel; NaN if the contour is empty, as of an empty mask, or one that fills the grid.

    Raises
    ------
    ArgumentError
        If there is no such class or axis, or the element or the grid has the wrong number of dimensions.

    See Also
    --------
    contour_terms : numerator and denominator, and the scores of the slices.

    References
    ----------
    .. [1] Eqs. 4-9 of the paper; its contour, I - I*, is negative, so I* and not I is meant.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> foreground = np.array([[0.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 0.0]])
    >>> prediction = Prediction.from_probs(np.stack([1 - foreground, foreground]))
    >>> contour_entropy(prediction, class_index=1)  # 4 bits over 4 contour voxels
    1.0
    """
    return contour_terms(
        prediction,
        class_index,
        entropy=entropy,
        mask=mask,
        ndim=ndim,
        slice_axis=slice_axis,
        element=element,
    ).volume


def contour_terms(
    prediction: Prediction,
    class_index: int,
    *,
    entropy: EntropyOf = "all",
    mask: MaskBy = "threshold",
    ndim: Literal[2, 3] = 2,
    slice_axis: int = 0,
    element: Any = None,
) -> ContourTerms:
    """Sum the entropy and count the contour of every slice; see :func:`contour_entropy` for the arguments.

    A 2D grid is one slice. With ``ndim=3`` a slice counts the voxels of the 3D contour that lie in it.

    Examples
    --------
    >>> from ckpt_uq.prediction import Prediction
    >>> prediction = Prediction.from_probs(np.full((2, 3, 4, 4), 0.5))
    >>> terms = contour_terms(prediction, class_index=1)
    >>> terms.entropy_bits, terms.contour_voxels, terms.slices
    (array([16., 16., 16.]), array([0, 0, 0]), array([nan, nan, nan]))
    """
    require_class(prediction, class_index)
    _check_options(entropy, mask, ndim)
    axis = checked_slice_axis(prediction.grid, slice_axis, ndim)
    shape = checked_element(element, ndim)
    bits = prediction.predictive_entropy if entropy == "all" else prediction.class_entropy[class_index]
    step = shape[None] if ndim == 2 else np.moveaxis(shape, axis, 0)
    if mask == "threshold":
        plane = slices_first(prediction.mean_prob[class_index], axis, borrow_bits)
        sizes = threshold_contours(plane, step)
    else:
        sizes = contour_sizes(slices_first(mask_where_it_lies(prediction, class_index, mask), axis), step)
    return ContourTerms(
        entropy_bits=sum_of_slices(slices_first(bits, axis)),
        contour_voxels=sizes,
        settings={
            "entropy": entropy,
            "mask": mask,
            "ndim": ndim,
            "slice_axis": axis,
            "element": shape.astype(int).tolist(),
        },
    )


def _check_options(entropy: str, mask: str, ndim: int) -> None:
    for name, value, allowed in (
        ("entropy", entropy, get_args(EntropyOf)),
        ("mask", mask, get_args(MaskBy)),
        ("ndim", ndim, (2, 3)),
    ):
        if value not in allowed:
            raise ArgumentError(f"{name} must be one of {allowed}, got {value!r}")
