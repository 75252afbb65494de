"""Weight files are written whole or not at all, and hold tensors only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

import safetensors.torch
import torch
from torch import Tensor, nn

from ckpt_uq.checkpoints.record import FileRecord, record_of
from ckpt_uq.errors import ArgumentError, CheckpointError
from ckpt_uq.io.atomic import atomic_path
from ckpt_uq.weights import buffers_of, identity, plain_tensors, state_of

SAFETENSORS = ".safetensors"
_SUFFIXES = (".pt", ".pth", SAFETENSORS)


def save_weights(
    path: str | os.PathLike[str],
    model: nn.Module | Mapping[str, Tensor],
    *,
    dtype: torch.dtype | None = None,
) -> FileRecord:
    """Write the weights of a model as one file that appears whole or not at all.

    Names are plain (no ``module.``, no ``_orig_mod.``). One tensor under several names is stored once in
    ``.pt`` files, and once per name in ``.safetensors``.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.pt``, ``.pth`` or ``.safetensors``, which is the format.
    model : torch.nn.Module or mapping of str to Tensor
        The module, or its ``state_dict()``.
    dtype : torch.dtype, optional
        Store floating-point tensors as this, e.g. ``torch.float16`` for half the disk.

    Returns
    -------
    FileRecord
        What was written.

    Raises
    ------
    CheckpointError
        If a weight is NaN or infinite (in ``dtype``) or no plain tensor, or the file cannot be written. A
        module's buffers may be infinite.

    Examples
    --------
    >>> import tempfile
    >>> from ckpt_uq.checkpoints import load_weights
    >>> path = Path(tempfile.mkdtemp()) / "a.pt"
    >>> record = save_weights(path, nn.Linear(2, 1))
    >>> sorted(load_weights(path, expected=record))
    ['bias', 'weight']
    """
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise ArgumentError(f"path must end in one of {', '.join(_SUFFIXES)}, got {path.name}")
    if dtype is not None and not dtype.is_floating_point:
        raise ArgumentError(f"dtype must be a floating-point type, got {dtype}; pass e.g. torch.float16")
    state = plain_tensors(state_of(model), f"cannot save {path}", dtype, infinite=buffers_of(model))
    if not state:
        raise CheckpointError(f"cannot save {path}: model has no weights; pass the network that is trained")
    try:
        with atomic_path(path) as temporary:
            if path.suffix == SAFETENSORS:
                _write_safetensors(temporary, state)
            else:
                _write_pt(temporary, state)
            record = record_of(temporary)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"cannot write {path}: {error}; free disk space or check the folder, then save again"
        ) from error
    return record


class _ErrorKeepingFile:
    """Remembers what stopped a write, also a ctrl-C: torch's archive writer forgets it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.file.write(data)
        except BaseException as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self.file.flush()


def _write_pt(path: Path, state: dict[str, Tensor]) -> None:
    with open(path, "wb") as file:
        keeper = _ErrorKeepingFile(file)
        try:
            torch.save(state, cast(IO[bytes], keeper))
        except BaseException as error:
            raise keeper.error or error from None


def _write_safetensors(path: Path, state: dict[str, Tensor]) -> None:
    owners = {identity(value): name for name, value in state.items()}
    alone = {
        name: (value if owners[identity(value)] == name else value.clone()).contiguous()
        for name, value in state.items()
    }
    safetensors.torch.save_file(alone, path)
