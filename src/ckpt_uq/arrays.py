"""Take any array, give back the same kind.

Public functions accept NumPy arrays, torch tensors on any device and everything that speaks DLPack (JAX,
CuPy ...). Inside, data in host memory is a NumPy view, because the kernels are compiled for NumPy, and data
on an accelerator is a torch tensor, so that it never leaves its device. No copy is made unless the dtype
(bfloat16) has no NumPy twin, nor where a kernel takes its bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from ckpt_uq.errors import ArgumentError

if TYPE_CHECKING:
    import torch

_DLPACK_CPU = 1


class Borrowed(NamedTuple):
    """An array in the form the library computes on, and the way back.

    Attributes
    ----------
    data : numpy.ndarray or torch.Tensor
        A view of the caller's memory where possible.
    give_back : callable
        Turns a result of the same form as ``data`` into the caller's kind of array, on the caller's device.
    """

    data: Any
    give_back: Callable[[Any], Any]


def borrow(array: Any, name: str) -> Borrowed:
    """View an array for computing: NumPy when it lies in host memory, torch when on an accelerator.

    Parameters
    ----------
    array : array
        NumPy array, torch tensor or any object with ``__dlpack__``. Gradients are not followed.
    name : str
        The argument's name, for the error message.

    Returns
    -------
    Borrowed

    Raises
    ------
    ArgumentError
        If ``array`` is of no such kind.

    Examples
    --------
    >>> import torch
    >>> view, give_back = borrow(torch.ones(2), "probs")
    >>> type(view).__name__, type(give_back(view)).__name__
    ('ndarray', 'Tensor')
    """
    return _lent(array, name, _numpy_view)


def borrow_bits(array: Any, name: str) -> Borrowed:
    """View an array for kernels that decode bfloat16 a piece at a time: in host memory it comes as uint16.

    All else is as for :func:`borrow`, which copies bfloat16 as a whole.

    Examples
    --------
    >>> import torch
    >>> borrow_bits(torch.ones(2, dtype=torch.bfloat16), "probs").data
    array([16256, 16256], dtype=uint16)
    """
    return _lent(array, name, _numpy_bits)


def _lent(array: Any, name: str, view: Callable[[Any], Any]) -> Borrowed:
    if isinstance(array, np.ndarray):
        return Borrowed(array, _same)
    tensor, give_back = as_tensor(array, name)
    if not in_host_memory(tensor):
        return Borrowed(tensor, give_back)
    return Borrowed(view(tensor), partial(_of_numpy, give_back=give_back))


def as_tensor(array: Any, name: str) -> Borrowed:
    """View an array as a torch tensor on the device where it lies.

    Parameters
    ----------
    array : array
        NumPy array, torch tensor or any object with ``__dlpack__``. Gradients are not followed.
    name : str
        The argument's name, for the error message.

    Returns
    -------
    Borrowed
        ``give_back`` takes a tensor on any device.

    Raises
    ------
    ArgumentError
        If ``array`` is of no such kind, or its dtype is unknown to torch.

    Examples
    --------
    >>> tensor, give_back = as_tensor(np.zeros((2, 3), np.float32), "image")
    >>> tensor.shape, give_back(tensor).dtype
    (torch.Size([2, 3]), dtype('float32'))
    """
    if isinstance(array, np.ndarray):
        return Borrowed(_tensor_of_numpy(array, name), _to_numpy)
    if is_tensor(array):
        device = array.device
        return Borrowed(array.detach(), partial(_to_device, device=device))
    if hasattr(array, "__dlpack__"):
        tensor = _torch().from_dlpack(array)
        return Borrowed(tensor, _way_back_by_dlpack(array, tensor.device))
    raise ArgumentError(
        f"{name} must be a NumPy array, a torch tensor or an array with __dlpack__, got "
        f"{type(array).__name__}; wrap it with numpy.asarray"
    )


def on_host(array: Any, name: str) -> np.ndarray[Any, Any]:
    """View an array as a NumPy array; what lies on an accelerator is copied.

    Parameters
    ----------
    array : array
        NumPy array, torch tensor or any object with ``__dlpack__``.
    name : str
        The argument's name, for the error message.

    Raises
    ------
    ArgumentError
        If ``array`` is of no such kind.
    """
    view = borrow(array, name).data
    return _numpy_view(view.cpu()) if is_tensor(view) else view


def beside(array: Any, name: str, other: Any) -> Any:
    """View an array where another lies, which came from :func:`borrow`: there it is computed with both.

    Parameters
    ----------
    array : array
        NumPy array, torch tensor or any object with ``__dlpack__``; copied if it lies elsewhere.
    name : str
        The argument's name, for the error message.
    other : numpy.ndarray or torch.Tensor
        What it is to be beside.

    Examples
    --------
    >>> import torch
    >>> type(beside(torch.ones(2), "labels", np.ones(2))).__name__
    'ndarray'
    """
    if is_tensor(other):
        return as_tensor(array, name).data.to(other.device)
    return on_host(array, name)


def in_host_memory(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor's data lies where NumPy can look at it."""
    return tensor.device.type == "cpu"


def is_tensor(array: Any) -> TypeGuard[torch.Tensor]:
    """Tell whether an object is a torch tensor, without importing torch for those who never did."""
    torch_module = sys.modules.get("torch")
    return torch_module is not None and isinstance(array, torch_module.Tensor)


def _way_back_by_dlpack(array: Any, device: torch.device) -> Callable[[torch.Tensor], Any]:
    if not hasattr(array, "__array_namespace__"):
        raise ArgumentError(
            f"an array of type {type(array).__name__} can be read but not given back, because it has no "
            "__array_namespace__; convert it with numpy.from_dlpack or torch.from_dlpack first"
        )
    namespace = array.__array_namespace__()
    return lambda tensor: namespace.from_dlpack(tensor.to(device))


# Functions rather than lambdas: what holds one can be pickled, as a prediction sent between processes.


def _to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.cpu().numpy()
    return array


def _to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return tensor.to(device)


def _of_numpy(array: np.ndarray[Any, Any], give_back: Callable[[Any], Any]) -> Any:
    return give_back(_torch().from_numpy(array))


def _tensor_of_numpy(array: np.ndarray[Any, Any], name: str) -> torch.Tensor:
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not native.flags.writeable or any(stride < 0 for stride in native.strides):
        native = native.copy()  # torch cannot express either
    try:
        tensor: torch.Tensor = _torch().from_numpy(native)
    except TypeError as error:
        raise ArgumentError(f"{name} must be numeric, got dtype {array.dtype}; convert it first") from error
    return tensor


def _numpy_view(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    torch = _torch()
    view: np.ndarray[Any, Any] = (
        tensor.to(torch.float32) if tensor.dtype == torch.bfloat16 else tensor
    ).numpy()
    return view


def _numpy_bits(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    torch = _torch()
    return _numpy_view(tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor)


def _torch() -> Any:
    import torch  # not at the top: `import ckpt_uq.maps` on NumPy arrays has no need of it

    return torch


def _same(array: Any) -> Any:
    return array
