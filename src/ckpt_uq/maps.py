"""Maps of uncertainty: one value per voxel.

Entropies are in bits. Every function takes a NumPy array, a torch tensor or anything with ``__dlpack__``,
works where the data lies and gives back the same kind; half precision (float16, bfloat16) comes back as
float32, computed in single precision to within 1e-6 bits (for up to 128 classes); float64 is computed in
float64. Arrays of any memory layout work, those that are not contiguous by copying a block at a time.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from ckpt_uq.arrays import borrow, borrow_bits, is_tensor
from ckpt_uq.errors import ArgumentError
from ckpt_uq.probabilities import dtype_name, require_distribution, require_float, require_unit_interval


def predictive_entropy(probs: Any, *, class_axis: int = 0, out: Any = None) -> Any:
    r"""Entropy of the class distribution: the total uncertainty.

    .. math:: H(x) = -\sum_{k=1}^{C} p_k(x) \log_2 p_k(x), \qquad 0 \log 0 = 0

    Parameters
    ----------
    probs : array
        Class probabilities, shape (C, \*S), C >= 1. Their sums over classes may miss 1 by rounding, by up to
        5e-3, which is what softmax in half precision does.
    class_axis : int
        Where C stands in the shape.
    out : array, optional
        Where to put the result: of the kind, device, shape and dtype that would be returned, in any memory
        layout, apart from the memory of `probs`. After an error its content is undefined.

    Returns
    -------
    array
        Shape S, bits, in [0, log2 C]; float64 for float64 and float32 for all others. Empty for an empty
        grid.

    Raises
    ------
    ArgumentError
        If `probs` has NaN, values outside [0, 1] or sums other than 1, or `out` does not fit.

    References
    ----------
    .. [1] Eq. 4 of the paper; C. E. Shannon (1948), A mathematical theory of communication.

    Examples
    --------
    >>> predictive_entropy(np.array([[0.5, 1.0], [0.25, 0.0], [0.25, 0.0]]))
    array([1.5, 0. ])
    """
    return _compute("entropy_bits", probs, class_axis, out)


def class_entropy(probs: Any, *, class_axis: int = 0, out: Any = None) -> Any:
    r"""Entropy of each class against all others: how unsure the model is about this class.

    .. math:: H_k(x) = -p_k(x) \log_2 p_k(x) - (1 - p_k(x)) \log_2 (1 - p_k(x))

    Parameters
    ----------
    probs : array
        Probabilities, shape (C, \*S), C >= 1; they need not sum to 1, so independent regions are welcome.
    class_axis : int
        Where C stands in the shape.
    out : array, optional
        Where to put the result, as for :func:`predictive_entropy`.

    Returns
    -------
    array
        Shape of `probs`, bits, in [0, 1]; float64 for float64 and float32 for all others.

    Raises
    ------
    ArgumentError
        If `probs` has NaN or values outside [0, 1], or `out` does not fit.

    Examples
    --------
    >>> class_entropy(np.array([[0.5, 1.0], [0.5, 0.0]]))
    array([[1., 0.],
           [1., 0.]])
    """
    return _compute("binary_entropy_bits", probs, class_axis, out, per_class=True)


def max_softmax(probs: Any, *, class_axis: int = 0, out: Any = None) -> Any:
    """Probability of the likeliest class: the top-label confidence.

    Parameters
    ----------
    probs : array
        Class probabilities, as for :func:`predictive_entropy`.
    class_axis : int
        Where C stands in the shape.
    out : array, optional
        Where to put the result, as for :func:`predictive_entropy`.

    Returns
    -------
    array
        Shape S, in [1/C, 1] but for rounding; float64 for float64 and float32 for all others.

    Raises
    ------
    ArgumentError
        If `probs` has NaN, values outside [0, 1] or sums other than 1, or `out` does not fit.

    References
    ----------
    .. [1] D. Hendrycks and K. Gimpel (2017), arXiv:1610.02136.

    Examples
    --------
    >>> max_softmax(np.array([[0.5, 1.0], [0.25, 0.0], [0.25, 0.0]]))
    array([0.5, 1. ])
    """
    return _compute("largest", probs, class_axis, out)


def likeliest_class(probs: Any) -> Any:
    r"""Class of the largest probability: the segmentation.

    Parameters
    ----------
    probs : array
        Shape (C, \*S), C >= 1, floating point; nothing else is asked of the numbers.

    Returns
    -------
    array
        Shape S, uint8 (int32 from 257 classes on): the lowest class on a tie.

    Examples
    --------
    >>> likeliest_class(np.array([[0.5, 0.0], [0.25, 0.75], [0.25, 0.25]]))
    array([0, 1], dtype=uint8)
    """
    lent = borrow_bits(probs, "probs")
    if is_tensor(lent.data):
        import torch

        dtype = torch.uint8 if len(lent.data) <= 256 else torch.int32
        return lent.give_back(lent.data.argmax(0).to(dtype))
    from ckpt_uq.kernels.likeliest import likeliest  # imports numba

    return lent.give_back(likeliest(lent.data))


def _compute(operation: str, probs: Any, class_axis: int, out: Any, *, per_class: bool = False) -> Any:
    """Run a kernel on `probs` and check what it saw on its way; `per_class` results keep the class axis."""
    lent = borrow_bits(probs, "probs")
    require_float(probs)
    axis = _axis_from_front(class_axis, tuple(probs.shape))
    planes = _class_first(lent.data, axis)
    shape = tuple(probs.shape) if per_class else tuple(planes.shape[1:])
    dtype = "float64" if dtype_name(probs.dtype) == "float64" else "float32"
    if out is not None:
        _check_out(out, probs, shape, dtype)
    filled = _empty(shape, dtype, lent.data) if out is None else borrow(out, "out").data
    target = _class_first(filled, axis) if per_class else filled
    seen = getattr(_kernels_for(planes), operation)(planes, target)
    if per_class:
        require_unit_interval(seen)
    else:
        require_distribution(seen, class_axis)
    return lent.give_back(filled) if out is None else out


def _axis_from_front(class_axis: int, shape: tuple[int, ...]) -> int:
    if not -len(shape) <= class_axis < len(shape):
        raise ArgumentError(f"class_axis must be an axis of probs, whose shape is {shape}, got {class_axis}")
    if shape[class_axis] == 0:
        raise ArgumentError(f"probs must have a class, got shape {shape} with class_axis={class_axis}")
    return class_axis % len(shape)


def _class_first(view: Any, axis: int) -> Any:
    return view.movedim(axis, 0) if is_tensor(view) else np.moveaxis(view, axis, 0)


def _empty(shape: tuple[int, ...], dtype: str, beside: Any) -> Any:
    if is_tensor(beside):
        import torch

        return beside.new_empty(shape, dtype=getattr(torch, dtype))
    return np.empty(shape, dtype)


def _kernels_for(view: Any) -> ModuleType:
    """The module that computes where the data lies; the same functions are in both."""
    if is_tensor(view):
        from ckpt_uq.kernels import on_device  # imports torch

        return on_device
    from ckpt_uq.kernels import entropy  # imports numba

    return entropy


def _check_out(out: Any, probs: Any, shape: tuple[int, ...], dtype: str) -> None:
    kinds = (isinstance(probs, np.ndarray), is_tensor(probs))
    if not any(kinds) or kinds != (isinstance(out, np.ndarray), is_tensor(out)):
        raise ArgumentError(
            f"out must be of the kind of probs, NumPy array or torch tensor, got {type(out).__name__} for "
            f"{type(probs).__name__}; leave it out to get a new array"
        )
    if (tuple(out.shape), dtype_name(out.dtype)) != (shape, dtype):
        raise ArgumentError(
            f"out must be {dtype} of shape {shape}, got {dtype_name(out.dtype)} of shape {tuple(out.shape)}"
        )
    if is_tensor(out) and out.device != probs.device:
        raise ArgumentError(f"out must be on the device of probs, {probs.device}, got {out.device}")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ArgumentError("out must be writable, got a read-only array; pass a copy")
    if _share_memory(out, probs):
        raise ArgumentError("out must not share memory with probs, which is still read while out is written")


def _share_memory(a: Any, b: Any) -> bool:
    if is_tensor(a):
        return bool(a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() and a.numel() > 0)
    return np.may_share_memory(a, b)
