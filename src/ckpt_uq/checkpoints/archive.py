"""The zip archive around a ``.pt`` file: it unfolds to no more than it is, whoever reads it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import IO

from ckpt_uq.errors import CheckpointError

_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_SIZE, _END_64_SIZE, _LOCATOR_64_SIZE = 22, 56, 20


def check_archive(path: Path, file: IO[bytes]) -> None:
    """Refuse archives that torch.save never writes: compressed ones, and those with two tables of contents.

    The standard library finds the table of contents from the end of the file, torch where the file says it
    is. Where the two differ, what was checked would not be what is loaded.

    Raises
    ------
    CheckpointError
    """
    archive = zipfile.ZipFile(file)
    entries, size = archive.infolist(), os.fstat(file.fileno()).st_size
    unfolded = sum(entry.file_size for entry in entries)
    if unfolded > size or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError(
            f"{path} unfolds from {size} to {unfolded} bytes or is compressed, which torch.save never does; "
            "have model.state_dict() saved alone"
        )
    if _declared_start(file, size) != archive.start_dir:
        raise CheckpointError(
            f"{path} has a table of contents elsewhere than it says, which torch.save never does; "
            "have model.state_dict() saved alone"
        )


def _declared_start(file: IO[bytes], size: int) -> int | None:
    """Where the end of the file says that its table of contents is; None for an end torch never writes."""
    tail_size = min(size, _END_64_SIZE + _LOCATOR_64_SIZE + _END_SIZE)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    end = tail[-_END_SIZE:]
    if not end.startswith(_END) or end[20:] != b"\0\0":  # a comment could hide another end
        return None
    locator = tail[-_END_SIZE - _LOCATOR_64_SIZE : -_END_SIZE]
    if not locator.startswith(_LOCATOR_64):
        return int.from_bytes(end[16:20], "little")
    end_64 = tail[:_END_64_SIZE]
    at = int.from_bytes(locator[8:16], "little")
    if at != size - tail_size or not end_64.startswith(_END_64):
        return None
    return int.from_bytes(end_64[48:56], "little")
