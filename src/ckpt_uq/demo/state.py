"""What an interrupted training needs to go on: weights, momentum, and a log, as one file of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ckpt_uq.checkpoints import load_weights, save_weights


@dataclass
class TrainingLog:
    """One value an epoch, from epoch 0."""

    loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loss)


def save_state(path: Path, model: nn.Module, optimizer: Optimizer, log: TrainingLog) -> None:
    """Write the state after the log's last epoch, whole or not at all."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    for index, buffers in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in buffers.items()}
    columns = torch.tensor([log.loss, log.seconds], dtype=torch.float64)
    save_weights(path, {**tensors, "log": columns})


def load_state(path: Path, model: nn.Module, optimizer: Optimizer) -> TrainingLog:
    """Put a saved state into the model and the optimizer, and return the log.

    Raises
    ------
    CheckpointError
        The file is missing or damaged.
    """
    tensors = load_weights(path)
    model.load_state_dict(_below("model/", tensors))
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": _by_parameter(_below("optimizer/", tensors)), "param_groups": groups})
    loss, seconds = tensors["log"].tolist()
    return TrainingLog(loss, seconds)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _by_parameter(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        index, _, buffer = name.partition("/")
        state.setdefault(int(index), {})[buffer] = value
    return state
