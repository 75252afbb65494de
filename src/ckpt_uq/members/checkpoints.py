"""Members on disk: one architecture, many sets of weights, one set in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call

from ckpt_uq.checkpoints import FileRecord, check_fits, load_weights
from ckpt_uq.errors import ArgumentError, ManifestError
from ckpt_uq.manifest import read_run
from ckpt_uq.members.models import module_member
from ckpt_uq.members.source import Member
from ckpt_uq.weights import unwrapped


class CheckpointMembers:
    """Checkpoint files of one architecture.

    The weights are put in functionally, so the caller's module keeps its own. While a member predicts, the
    memory taken is that of its weights beside the module's; files are read anew for every call, and verified
    when they changed.

    Parameters
    ----------
    paths : sequence of paths
        One file a member.
    model : torch.nn.Module
        The architecture; a DDP or compiled wrapper is taken off.
    key : str, optional
        Where in the files the weights are.
    device : torch.device or str, optional
        Where members compute; where the model's weights are by default.
    records : sequence of FileRecord, optional
        Size and hash each file must have.

    Raises
    ------
    ArgumentError
        If there are no paths, or the model is on the meta device and no ``device`` is named.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        model: torch.nn.Module,
        *,
        key: str | None = None,
        device: torch.device | str | None = None,
        records: Sequence[FileRecord] | None = None,
    ) -> None:
        if isinstance(paths, str | Path) or not paths:
            raise ArgumentError(f"paths must be a non-empty list of checkpoint files, got {paths!r}")
        self._paths = [Path(path) for path in paths]
        self._model = unwrapped(model)
        self._key = key
        self._device = _device_of(self._model) if device is None else torch.device(device)
        self._records = list(records) if records is not None else [None] * len(self._paths)
        self._verified: dict[Path, tuple[int, int] | None] = {}

    @classmethod
    def from_run(
        cls,
        run_dir: str | Path,
        model: torch.nn.Module,
        *,
        epochs: Sequence[int] | None = None,
        device: torch.device | str | None = None,
    ) -> CheckpointMembers:
        """Take the snapshots a selector kept; the manifest names their sizes and hashes."""
        run = read_run(run_dir)
        members = [s for s in run.members if epochs is None or s.epoch in epochs]
        missing = set(epochs or ()) - {s.epoch for s in members}
        if missing or not members:
            raise ManifestError(
                f"{run_dir} has no kept snapshot of epochs {sorted(missing)}, it has "
                f"{[s.epoch for s in run.members]}; snapshots are kept when their cycle ends"
            )
        records = [s.record for s in members]
        return cls([run.path_of(s) for s in members], model, device=device, records=records)

    def __len__(self) -> int:
        return len(self._paths)

    def members(self) -> Iterator[Member]:
        """Load and hand out one member after the other."""
        for i in range(len(self)):
            yield self._load(i)  # no name here holds on to it

    def _load(self, i: int) -> Member:
        path = self._paths[i]
        fitting = check_fits(self._read(path, self._records[i]), self._model, path)
        weights = _placed(fitting, self._model, self._device)

        def forward(batch: Tensor) -> object:
            return functional_call(self._model, weights, (batch,))

        return module_member(path.name, self._model, forward, self._device)

    def _read(self, path: Path, record: FileRecord | None) -> dict[str, Tensor]:
        known = self._verified.get(path)
        state = load_weights(path, key=self._key, expected=None if known == _signature(path) else record)
        self._verified[path] = _signature(path)
        return state


def _placed(state: dict[str, Tensor], model: torch.nn.Module, device: torch.device) -> dict[str, Tensor]:
    """Bring weights to the device, and the model's own buffers that no file holds."""
    own = chain(model.named_parameters(), model.named_buffers())  # names each tied weight once
    return {name: state.get(name, value).to(device) for name, value in own}


def _device_of(model: torch.nn.Module) -> torch.device:
    first = next(chain(model.parameters(), model.buffers()), torch.empty(0))
    if first.device.type == "meta":
        raise ArgumentError(
            "device must be named for a model on the meta device; pass device='cpu' or 'cuda'"
        )
    return first.device


def _signature(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None  # load_weights says what is wrong with it
    return status.st_size, status.st_mtime_ns
