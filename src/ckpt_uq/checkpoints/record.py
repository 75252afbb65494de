"""What tells a file from any other: its size and its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and SHA-256 (hex) of a file, by which it is recognised when it is loaded."""

    size: int
    sha256: str


def record_of(path: Path) -> FileRecord:
    """Return the size and hash of a file as it is on disk."""
    with open(path, "rb") as file:
        return record_of_open(file)


def record_of_open(file: IO[bytes]) -> FileRecord:
    """The same of an open file, from where it stands to its end."""
    digest = hashlib.file_digest(cast(Any, file), "sha256")
    return FileRecord(file.tell(), digest.hexdigest())
