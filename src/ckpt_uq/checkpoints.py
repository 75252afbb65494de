"""Weight files: tensors only, written whole, loaded without unpickling anything else."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import safetensors.torch
import torch
from numpy._core.multiarray import scalar as numpy_scalar
from torch import Tensor, nn

from ckpt_uq.errors import ArgumentError, CheckpointError
from ckpt_uq.io.atomic import atomic_path
from ckpt_uq.weights import check_fits, identity, listing, plain_tensors, state_of, without_prefixes

__all__ = ["FileRecord", "check_fits", "load_entries", "load_weights", "record_of", "save_weights"]

_SAFETENSORS = ".safetensors"
_SUFFIXES = (".pt", ".pth", _SAFETENSORS)
_WEIGHT_KEYS = ("state_dict", "model_state_dict", "model", "network_weights")

# What rebuilds the NumPy numbers of a training checkpoint (epochs, logged losses), and none of its objects.
_NUMBER_TYPES = [np.dtype(code) for code in "?" + np.typecodes["AllInteger"] + np.typecodes["AllFloat"]]
_SAFE_GLOBALS: list[Callable[..., Any] | tuple[Callable[..., Any], str]]
_SAFE_GLOBALS = [numpy_scalar, np.dtype, *{type(number) for number in _NUMBER_TYPES}]
_SAFE_GLOBALS_LOCK = threading.Lock()  # torch keeps one list for the whole process


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and SHA-256 (hex) of a file, by which it is recognised when it is loaded."""

    size: int
    sha256: str


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
        If a weight is NaN or infinite (in ``dtype``) or no plain tensor, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
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
    state = plain_tensors(state_of(model), f"cannot save {path}", dtype)
    try:
        with atomic_path(path) as temporary:
            if path.suffix == _SAFETENSORS:
                _write_safetensors(temporary, state)
            else:
                _write_pt(temporary, state)
            record = record_of(temporary)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"cannot write {path}: {error}; free disk space or check the folder, then save again"
        ) from error
    return record


def load_weights(
    path: str | os.PathLike[str], *, key: str | None = None, expected: FileRecord | None = None
) -> dict[str, Tensor]:
    """Read the weights of a checkpoint file, ours or another tool's, onto the CPU.

    Nothing but tensors, plain containers and NumPy numbers is rebuilt, whatever the file asks for. Of a
    whole training checkpoint only the weights are taken: ``state_dict`` (Lightning), ``model_state_dict``,
    ``model`` or ``network_weights`` (nnU-Net). Prefixes of DistributedDataParallel and ``torch.compile`` go.

    Parameters
    ----------
    path : str or path-like
        A safetensors file if it ends in ``.safetensors``, else one of ``torch.save``.
    key : str, optional
        Entry that holds the weights, where they lie elsewhere or in several places.
    expected : FileRecord, optional
        Size and hash that the file must have.

    Returns
    -------
    dict of str to Tensor
        Finite, dense CPU tensors by name.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated, not the expected one, asks to run code, or has no finite weights.
    """
    path = Path(path)
    state = _weights_in(_content(path, expected), key, path)
    for name, value in state.items():
        _check_claim(path, name, value)
    return plain_tensors(state, f"cannot use {path}")


def load_entries(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Any]:
    """Read what a training checkpoint says beside its weights, by the same rules as its weights.

    Parameters
    ----------
    path : str or path-like
        A file of ``torch.save``.
    names : sequence of str
        The entries to give back, such as ``trainer_name``; one that is missing is left out.

    Returns
    -------
    dict
        Numbers, strings, plain containers and tensors.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, asks to run code, or holds no entries by name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.pt"
    >>> torch.save({"network_weights": {}, "current_epoch": 7}, path)
    >>> load_entries(path, ["current_epoch", "trainer_name"])
    {'current_epoch': 7}
    """
    path = Path(path)
    content = _content(path, None)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} must hold entries by name, got {type(content).__name__}")
    return {name: content[name] for name in names if name in content}


def record_of(path: Path) -> FileRecord:
    """Return the size and hash of a file as it is on disk."""
    with open(path, "rb") as file:
        return _record(file)


def _content(path: Path, expected: FileRecord | None) -> object:
    try:
        with open(path, "rb") as file:
            if expected is not None:
                _check_record(path, file, expected)
            return _read_safetensors(path) if path.suffix == _SAFETENSORS else _read_pt(path, file)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}; check the path") from error


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


def _read_pt(path: Path, file: IO[bytes]) -> object:
    try:
        file.seek(0)
        if zipfile.is_zipfile(file):
            _check_archive(path, file)
        file.seek(0)
        with _SAFE_GLOBALS_LOCK, torch.serialization.safe_globals(_SAFE_GLOBALS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old pickle protocols and such: what matters is raised
            return torch.load(file, map_location="cpu", weights_only=True)
    except (CheckpointError, OSError):
        raise
    except Exception as error:  # a damaged file makes parsers fail in any way
        if type(error).__name__ == "UnpicklingError":
            raise CheckpointError(
                f"{path} asks for more than tensors and numbers, and was not run: {_reason(error)}; "
                "if you trust its maker, have model.state_dict() saved alone"
            ) from error
        raise CheckpointError(
            f"{path} is damaged or no checkpoint: {_reason(error)}; copy it again, or take another snapshot"
        ) from error


def _check_archive(path: Path, file: IO[bytes]) -> None:
    """Refuse archives that unfold to more than they are: ``torch.save`` stores and never compresses."""
    entries = zipfile.ZipFile(file).infolist()
    unfolded, size = sum(entry.file_size for entry in entries), os.fstat(file.fileno()).st_size
    if unfolded > size or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError(
            f"{path} unfolds from {size} to {unfolded} bytes or is compressed, which torch.save never does; "
            "have model.state_dict() saved alone"
        )


def _check_claim(path: Path, name: str, value: Tensor) -> None:
    """Refuse tensors that repeat a few stored numbers without end, before anything makes them real."""
    if value.layout == torch.strided and not value.is_meta:
        stored = value.untyped_storage().nbytes()
        if value.numel() * value.itemsize > stored:
            raise CheckpointError(
                f"{path}: {name} claims {value.numel()} elements on {stored} bytes; save it contiguous"
            )


def _read_safetensors(path: Path) -> object:
    try:
        # Cloned, because the tensors would else lie in the file itself and change with it.
        return {name: value.clone() for name, value in safetensors.torch.load_file(path).items()}
    except OSError:
        raise
    except Exception as error:  # a damaged file makes parsers fail in any way
        raise CheckpointError(
            f"{path} is damaged or no safetensors file: {_reason(error)}; "
            "copy it again, or take another snapshot"
        ) from error


def _check_record(path: Path, file: IO[bytes], expected: FileRecord) -> None:
    size = os.fstat(file.fileno()).st_size
    if size != expected.size:
        what, found, wanted = "size", str(size), str(expected.size)
    else:
        what, found, wanted = "sha256", _record(file).sha256, expected.sha256
    if found != wanted:
        raise CheckpointError(
            f"{path} was truncated or changed since it was recorded: {what} {found} instead of {wanted}; "
            "restore it, or leave this snapshot out"
        )


def _record(file: IO[bytes]) -> FileRecord:
    digest = hashlib.file_digest(cast(Any, file), "sha256")
    return FileRecord(file.tell(), digest.hexdigest())


def _weights_in(content: object, key: str | None, path: Path) -> dict[str, Tensor]:
    """Find the weights in what a file holds."""
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} must hold weights by name, got {_kind(content)}; save a state_dict()")
    names = listing(map(str, content), at_most=20)
    if key is None and not _is_state(content):
        found = [name for name in _WEIGHT_KEYS if isinstance(content.get(name), Mapping)]
        if len(found) != 1:
            raise CheckpointError(
                f"{path} must hold one of {', '.join(_WEIGHT_KEYS)}, got {listing(found)} among {names}; "
                "pass key= with the entry that holds the weights"
            )
        key = found[0]
    state = content if key is None else content.get(key)
    if not isinstance(state, Mapping) or not _is_state(state):
        raise CheckpointError(
            f"{path} must hold tensors by name at key={key!r}, got {_kind(state)}, and has {names}; "
            "pass key= with the entry that holds the weights"
        )
    return without_prefixes(state)


def _is_state(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )


def _kind(state: object) -> str:
    if not isinstance(state, Mapping):
        return type(state).__name__
    return "entries of " + listing(sorted({type(value).__name__ for value in state.values()}))


def _reason(error: Exception) -> str:
    """Return what was refused, without torch's advice to switch the protection off."""
    asked = re.search(r"GLOBAL (\S+)", str(error))
    if asked:
        return asked[1]
    lines = str(error).split("WeightsUnpickler error:")[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__
