"""Members that are already in memory: torch modules or any callables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from ckpt_uq.arrays import as_tensor
from ckpt_uq.errors import ArgumentError
from ckpt_uq.members.source import Member
from ckpt_uq.members.untouched import evaluating


class ModelMembers:
    """A list of models you already have.

    A torch module gets a tensor on its own device and dtype, and runs in eval mode. Any other callable gets
    the batch as the caller gave it: NumPy for an ONNX Runtime session, a JAX array for a JAX function.

    Parameters
    ----------
    models : sequence of callables
        At least one.

    Raises
    ------
    ArgumentError
        If the list is empty or holds something that cannot be called.

    Examples
    --------
    >>> source = ModelMembers([torch.nn.Identity(), lambda x: x])
    >>> [member.name for member in source.members()]
    ['0 (Identity)', '1 (function)']
    """

    def __init__(self, models: Iterable[Callable[[Any], Any]]) -> None:
        self._models = _listed(models)
        if not self._models:
            raise ArgumentError("models must hold at least one model, got an empty list")
        for i, model in enumerate(self._models):
            if not callable(model):
                raise ArgumentError(
                    f"models must be callables, got {type(model).__name__} at position {i}; "
                    "for files use CheckpointEnsemble.from_checkpoints or from_run"
                )

    def __len__(self) -> int:
        return len(self._models)

    def members(self) -> Iterator[Member]:
        """Hand out the models in the order of the list."""
        for i, model in enumerate(self._models):
            name = f"{i} ({type(model).__name__})"
            if isinstance(model, torch.nn.Module):
                yield module_member(name, model, model)
            else:
                yield Member(name, model)


def _listed(models: object) -> list[Callable[[Any], Any]]:
    alone = isinstance(models, torch.nn.Module) and not isinstance(models, torch.nn.ModuleList)
    if alone or not isinstance(models, Iterable):  # a Sequential would be taken for a list of its layers
        raise ArgumentError(f"models must be a list of models, got one {type(models).__name__}; pass [model]")
    return list(models)


def module_member(
    name: str, module: torch.nn.Module, forward: Callable[[Any], Any], device: torch.device | None = None
) -> Member:
    """Make a member that runs ``forward`` on tensors where ``module`` has its weights, in eval mode.

    Images, whole numbers too, come in the dtype of the weights; a module that embeds indices gets them as
    they are.
    """
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    takes_indices = any(isinstance(part, torch.nn.Embedding) for part in module.modules())

    def prepare(batch: Any) -> torch.Tensor:
        tensor: torch.Tensor = as_tensor(batch, "image").data
        if weight is None:
            return tensor.to(device)
        return tensor.to(device or weight.device, tensor.dtype if takes_indices else weight.dtype)

    def run(batch: Any) -> Any:
        with evaluating(module):
            return forward(batch)

    return Member(name, run, prepare)
