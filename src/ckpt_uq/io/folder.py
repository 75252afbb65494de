"""Folders that appear whole or not at all, as files do through :mod:`ckpt_uq.io.atomic`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ckpt_uq.errors import ArgumentError
from ckpt_uq.io.atomic import sync


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder to fill, and rename it to ``path`` when the block ends well.

    Raises
    ------
    ArgumentError
        ``path`` exists: a folder cannot be replaced in one step.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "stack"
    >>> with new_folder(path) as folder:
    ...     _ = (folder / "0.txt").write_text("slice")
    >>> [file.name for file in path.iterdir()]
    ['0.txt']
    """
    path = Path(path)
    if path.exists():
        raise ArgumentError(f"path must not exist yet, {path} does; remove it or choose another")
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        temporary.mkdir()
        yield temporary
        _sync_all(temporary)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(path.parent)


def _sync_all(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        sync(path)
