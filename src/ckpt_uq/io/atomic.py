"""Files that appear whole or not at all, also through a kill or a power cut."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"\.tmp-\d+-(?P<name>.+)")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to, and move it over ``path`` when the block ends well.

    The file's data reach the disk before its name does, and the name before the block is left. When
    anything fails the temporary file is removed and an old file at ``path`` is as it was; only when syncing
    the directory fails is the new file in place already.

    Parameters
    ----------
    path : str or path-like
        Where the file is to be. Its directory must exist.

    Yields
    ------
    Path
        ``.tmp-<process id>-<name>`` beside ``path``: the suffix stays, for writers that go by it.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_bytes_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` as the whole content of ``path``, or leave what was there."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(data)


def temporaries_in(folder: Path) -> dict[Path, str]:
    """Map each file that a killed process left of :func:`atomic_path` to the name it was to have."""
    found = ((file, _TEMPORARY.fullmatch(file.name)) for file in folder.iterdir())
    return {file: match["name"] for file, match in found if match}


def sync(path: Path) -> None:
    """Bring what was written to a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
