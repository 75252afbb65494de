"""Weights in memory: finite, dense CPU tensors under plain names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel

from ckpt_uq.errors import ArgumentError, CheckpointError

_WRAPPERS = (nn.parallel.DistributedDataParallel, nn.DataParallel, AveragedModel)
_WRAPPER_PARTS = ("module", "_orig_mod")  # of DistributedDataParallel and torch.compile


def check_fits(state: Mapping[str, Tensor], module: nn.Module, source: object = "state") -> dict[str, Tensor]:
    """Return the weights under the module's own names and in its dtypes, or say how they differ.

    Parameters
    ----------
    state : mapping of str to Tensor
        Weights, as from :func:`ckpt_uq.checkpoints.load_weights`.
    module : torch.nn.Module
        The architecture. It may be compiled or wrapped for distributed training; it is not changed.
    source : object
        What to call the weights in an error, e.g. their path.

    Returns
    -------
    dict of str to Tensor
        Fit for ``module.load_state_dict`` and ``torch.func.functional_call``.

    Raises
    ------
    CheckpointError
        If names are missing or unexpected, shapes or kinds of numbers differ, or a parameter is infinite,
        quantised, sparse or without data.

    Examples
    --------
    >>> half = {"module.weight": torch.zeros(1, 2).half(), "module.bias": torch.zeros(1).half()}
    >>> check_fits(half, nn.Linear(2, 1))["bias"]
    tensor([0.])
    """
    ours = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    own_names, their_names = _by_plain_name(ours), _by_plain_name(state)
    missing = sorted(own_names.keys() - their_names.keys())
    unexpected = sorted(their_names.keys() - own_names.keys())
    if missing or unexpected:
        _refuse(source, module, f"missing {listing(missing)}, unexpected {listing(unexpected)}")
    fitting = {own: state[their_names[name]] for name, own in own_names.items()}
    unplain = [f"{name} is {_kind(value)}" for name, value in fitting.items() if not _is_plain(value)]
    if unplain:
        raise CheckpointError(
            f"{source} must hold dense tensors with data, but {listing(unplain)}; dequantise or densify them "
            "where they were made, and save them in floating point"
        )
    misshapen = [
        f"{name} has shape {tuple(value.shape)} instead of {tuple(ours[name].shape)}"
        for name, value in fitting.items()
        if value.shape != ours[name].shape
    ]
    if misshapen:
        _refuse(source, module, listing(misshapen))
    mistyped = [
        f"{name} is {value.dtype} instead of {ours[name].dtype}"
        for name, value in fitting.items()
        if not torch.can_cast(value.dtype, ours[name].dtype)
    ]
    if mistyped:
        _refuse(source, module, listing(mistyped))
    infinite = [name for name, _ in module.named_parameters() if not _all_finite(fitting[name])]
    if infinite:
        _refuse(source, module, f"infinite weights in {listing(infinite)}")
    return {name: value.to(ours[name].dtype) for name, value in fitting.items()}


def state_of(model: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a module or of its state, without the prefixes that wrappers put before names."""
    state: Mapping[str, Any] = unwrapped(model).state_dict() if isinstance(model, nn.Module) else model
    if not isinstance(state, Mapping):
        raise ArgumentError(f"model must be a module or its state_dict(), got {type(state).__name__}")
    state = without_extra_state(state)
    for name, value in state.items():
        if is_lazy(value):
            raise CheckpointError(
                f"{name} must have numbers to be saved, got a lazy parameter; run the model on an input first"
            )
        if not isinstance(value, Tensor):
            raise CheckpointError(
                f"{name} must be a tensor to be saved, got {type(value).__name__}; leave it out of the state"
            )
    return without_prefixes(state)


def plain_tensors(
    state: Mapping[str, Tensor],
    source: object,
    dtype: torch.dtype | None = None,
    *,
    infinite: bool | Collection[str] = (),
) -> dict[str, Tensor]:
    """Return dense, compact CPU tensors without NaN; the names of one tensor stay names of one tensor.

    Raises
    ------
    CheckpointError
        If a tensor is NaN somewhere, or infinite where that is not allowed (in all of them, or in those
        named), or becomes so in ``dtype``, or has no plain data.
    """
    done: dict[tuple[object, ...], Tensor] = {}
    for name, value in state.items():
        if identity(value) not in done:
            allowed = infinite if isinstance(infinite, bool) else name in infinite
            done[identity(value)] = _plain_tensor(name, value, source, dtype, infinite=allowed)
    return {name: done[identity(value)] for name, value in state.items()}


def stored_bytes(model: nn.Module | Mapping[str, Tensor], dtype: torch.dtype | None = None) -> int:
    """Return the most bytes that the weights of a model take as a ``.pt`` file."""
    state = state_of(model)
    sizes = {identity(value): value.numel() * _stored_type(value, dtype).itemsize for value in state.values()}
    archive = 4096 + sum(1024 + 4 * len(name) for name in state)
    return archive + sum(sizes.values())


def identity(value: Tensor) -> tuple[object, ...]:
    """Return what is equal for two names of one tensor, and for nothing else that holds data."""
    if value.layout != torch.strided or value.is_meta:
        return (id(value),)
    return (value.device, value.data_ptr(), value.shape, value.stride(), value.dtype)


def unwrapped(model: nn.Module) -> nn.Module:
    """Take off what training puts around a model: (D)DP, ``torch.compile``, an average of weights."""
    if isinstance(model, _WRAPPERS):
        return unwrapped(model.module)
    original = getattr(model, "_orig_mod", None)  # torch.compile
    return unwrapped(original) if isinstance(original, nn.Module) else model


def buffers_of(model: nn.Module | Mapping[str, Tensor]) -> set[str]:
    """Names of buffers, which may be infinite (a mask of attention); of a mapping none is known."""
    if not isinstance(model, nn.Module):
        return set()
    return set(without_prefixes(dict(unwrapped(model).named_buffers())))


def without_extra_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what ``Module.get_extra_state`` left among the weights: it is no tensor."""
    return {name: value for name, value in state.items() if not name.endswith("_extra_state")}


def without_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop ``_orig_mod.`` anywhere, and ``module.`` where every name begins with it."""
    plain = {_joined_without(name, ["_orig_mod"]): value for name, value in state.items()}
    while plain and all(name.startswith("module.") for name in plain):
        plain = {name.removeprefix("module."): value for name, value in plain.items()}
    return plain


def listing(items: Iterable[str], at_most: int = 5) -> str:
    """Return the first items for an error message, and how many more there are."""
    items = list(items)
    shown = ", ".join(items[:at_most]) or "none"
    return f"{shown} and {len(items) - at_most} more" if len(items) > at_most else shown


def _plain_tensor(
    name: str, value: Tensor, source: object, dtype: torch.dtype | None, *, infinite: bool
) -> Tensor:
    value = value.detach()
    if type(value) is not Tensor or not _is_plain(value):
        raise CheckpointError(
            f"{source}: {name} must be a dense tensor with data, got {_kind(value)}; gather or "
            "densify it first"
        )
    stored = value.to("cpu", _stored_type(value, dtype))
    overflows = infinite and stored.dtype != value.dtype and _all_finite(value)
    if not _all_finite(stored) and (overflows or not infinite or _has_nan(stored)):
        raise CheckpointError(
            f"{source}: {name} must be finite, got NaN or infinity in {stored.dtype}; "
            "take weights from before training diverged, or store a wider dtype"
        )
    compact = stored.untyped_storage().nbytes() == stored.numel() * stored.itemsize
    return stored if compact else stored.clone(memory_format=torch.contiguous_format)


def _is_plain(value: object) -> bool:
    """Whether numbers can be taken out as they are: quantised ones mean others than they hold."""
    if not isinstance(value, Tensor):
        return False
    return value.layout == torch.strided and not value.is_meta and not value.is_quantized


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{name} ({value.layout}, {value.dtype}, {value.device})" if isinstance(value, Tensor) else name


def _has_nan(value: Tensor) -> bool:
    return bool((value.float() if value.itemsize == 1 else value).isnan().any())


def _all_finite(value: Tensor) -> bool:
    """Look at the extremes alone, which NaN takes over: one pass, and no map of the tensor's size."""
    if value.is_complex():
        value = torch.view_as_real(value.resolve_conj())
    if not value.is_floating_point() or value.numel() == 0:
        return True
    wide = value.float() if value.itemsize == 1 else value  # aminmax knows no eight-bit floats
    return bool(torch.isfinite(torch.stack(torch.aminmax(wide))).all())


def _stored_type(value: Tensor, dtype: torch.dtype | None) -> torch.dtype:
    return value.dtype if dtype is None or not value.is_floating_point() else dtype


def _by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """Map names without any wrapper's part to the names, or each to itself where that would merge two."""
    names = list(names)
    plain = {_joined_without(name, _WRAPPER_PARTS): name for name in names}
    return plain if len(plain) == len(names) else {name: name for name in names}


def _joined_without(name: str, parts: Iterable[str]) -> str:
    return ".".join(part for part in name.split(".") if part not in parts)


def _refuse(source: object, module: nn.Module, how: str) -> None:
    raise CheckpointError(
        f"{source} does not fit {type(module).__name__}: {how}; "
        "build the architecture that the weights were trained with"
    )
