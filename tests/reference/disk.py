"""A watched disk: it names every file operation under a folder, and fails at the one it is told to."""

from __future__ import annotations

import builtins
import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class WatchedDisk:
    """Operations as (verb, file name[, new file name]); write, sync, rename, remove, mkdir.

    Of the ``failing`` operations, number ``fail_at`` raises ``error``, and all do while it ``is_full``;
    ``before`` is called ahead of every operation.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root.resolve()
        self.operations: list[tuple[str, ...]] = []
        self.fail_at: int | None = None
        self.failing = ("write", "sync", "rename")  # what a full disk may refuse
        self.error: Callable[[], BaseException] = no_space
        self.is_full: Callable[[], bool] = lambda: False
        self.before: Callable[[], None] = lambda: None
        self._patch_open(monkeypatch)
        # Syncs are noted and not done: what they are for, a power cut, does not happen in a test.
        monkeypatch.setattr(os, "fsync", lambda fd: self.note("sync", os.readlink(f"/proc/self/fd/{fd}")))
        self._patch(monkeypatch, "replace", "rename", lambda a, b: (a, b))
        self._patch(monkeypatch, "unlink", "remove", lambda path: (path,))
        self._patch(monkeypatch, "mkdir", "mkdir", lambda path, *_: (path,))

    @property
    def order(self) -> list[tuple[str, ...]]:
        """The operations, a run of writes to one file as one."""
        return [operation for operation, _ in itertools.groupby(self.operations)]

    @property
    def n_failing(self) -> int:
        """How many operations so far could have failed."""
        return sum(operation[0] in self.failing for operation in self.operations)

    def note(self, verb: str, *paths: Any) -> None:
        resolved = [Path(path).resolve() for path in paths]
        if not all(path.is_relative_to(self.root) for path in resolved):
            return
        self.before()
        self.operations.append((verb, *(path.name if path != self.root else "." for path in resolved)))
        if verb in self.failing and (self.n_failing - 1 == self.fail_at or self.is_full()):
            raise self.error()

    def _patch(self, monkeypatch, name, verb, paths) -> None:
        original = getattr(os, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.note(verb, *paths(*args))
            return original(*args, **kwargs)

        monkeypatch.setattr(os, name, watched)

    def _patch_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original, disk = builtins.open, self

        def watched(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            opened = original(file, mode, *args, **kwargs)
            return _Watched(opened, file, disk) if "w" in mode else opened

        monkeypatch.setattr(builtins, "open", watched)


class _Watched:
    def __init__(self, file: Any, path: Any, disk: WatchedDisk) -> None:
        self.file, self.path, self.disk = file, path, disk

    def write(self, data: Any) -> int:
        self.disk.note("write", self.path)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, *args: Any) -> None:
        self.file.close()
