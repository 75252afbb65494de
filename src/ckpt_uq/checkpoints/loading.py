"""Weights are read without unpickling anything but tensors, plain containers and numbers."""

from __future__ import annotations

import os
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import safetensors.torch
import torch
from torch import Tensor

from ckpt_uq.checkpoints.archive import check_archive
from ckpt_uq.checkpoints.numbers import numbers_allowed
from ckpt_uq.checkpoints.record import FileRecord, record_of_open
from ckpt_uq.checkpoints.saving import SAFETENSORS
from ckpt_uq.errors import CheckpointError
from ckpt_uq.weights import identity, listing, plain_tensors, without_extra_state, without_prefixes

_WEIGHT_KEYS = ("state_dict", "model_state_dict", "model", "network_weights")


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
        Dense CPU tensors by name, without NaN.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated, not the expected one, asks to run code, or holds NaN. Infinity is
        refused where weights are put into a model: a buffer may hold it, a parameter not.
    """
    path = Path(path)
    state = _weights_in(_content(path, expected), key, path)
    _check_claims(path, state)
    return plain_tensors(state, f"cannot use {path}", infinite=True)


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


def _content(path: Path, expected: FileRecord | None) -> object:
    try:
        with open(path, "rb") as file:
            if expected is not None:
                _check_record(path, file, expected)
            return _read_safetensors(path) if path.suffix == SAFETENSORS else _read_pt(path, file)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}; check the path") from error


def _read_pt(path: Path, file: IO[bytes]) -> object:
    try:
        file.seek(0)
        if zipfile.is_zipfile(file):
            check_archive(path, file)
        file.seek(0)
        with numbers_allowed(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old pickle protocols and such: what matters is raised
            return torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # a damaged file makes parsers fail in any way
        if type(error).__name__ == "UnpicklingError" and not _GARBLED.search(str(error)):
            raise CheckpointError(
                f"{path} asks for more than tensors and numbers, and was not run: {_reason(error)}; "
                "if you trust its maker, have model.state_dict() saved alone"
            ) from error
        raise CheckpointError(
            f"{path} is damaged or no checkpoint: {_reason(error)}; copy it again, or take another snapshot"
        ) from error


def _check_claims(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that repeat a few stored numbers, before anything makes them real.

    A tensor takes no more than its storage, and all together no more than twice their storages: views that
    overlap a little are honest.
    """
    claimed: dict[tuple[object, ...], int] = {}
    stored: dict[int, int] = {}
    for name, value in state.items():
        if value.layout != torch.strided or value.is_meta:
            continue
        storage = value.untyped_storage()
        if value.numel() * value.itemsize > storage.nbytes():
            raise CheckpointError(
                f"{path}: {name} claims {value.numel()} elements on {storage.nbytes()} bytes; save it "
                "contiguous"
            )
        claimed[identity(value)] = value.numel() * value.itemsize
        stored[storage.data_ptr()] = storage.nbytes()
    if sum(claimed.values()) > 2 * sum(stored.values()):
        raise CheckpointError(
            f"{path}: its tensors claim {sum(claimed.values())} bytes on {sum(stored.values())}; save each "
            "contiguous"
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
        what, found, wanted = "sha256", record_of_open(file).sha256, expected.sha256
    if found != wanted:
        raise CheckpointError(
            f"{path} was truncated or changed since it was recorded: {what} {found} instead of {wanted}; "
            "restore it, or leave this snapshot out"
        )


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
    return without_prefixes(without_extra_state(state))


def _is_state(content: Mapping[Any, Any]) -> bool:
    weights = {name: value for name, value in content.items() if isinstance(name, str)}
    tensors = without_extra_state(weights).values()
    return bool(tensors) and len(weights) == len(content) and all(isinstance(t, Tensor) for t in tensors)


def _kind(state: object) -> str:
    if not isinstance(state, Mapping):
        return type(state).__name__
    return "entries of " + listing(sorted({type(value).__name__ for value in state.values()}))


# What torch says of bytes that are no pickle at all, rather than of one that asks for something.
_GARBLED = re.compile("invalid load key|Ran out of input|pickle data was truncated")


def _reason(error: Exception) -> str:
    """Return what was refused, without torch's advice to switch the protection off."""
    asked = re.search(r"GLOBAL (\S+)", str(error))
    if asked:
        return asked[1]
    lines = str(error).split("WeightsUnpickler error:")[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__
