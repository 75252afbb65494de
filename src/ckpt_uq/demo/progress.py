"""How long work says where it is, whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[str], None]


class Progress(Protocol):
    """Something that shows stages of work."""

    def stage(self, name: str, total: int, done: int = 0) -> AbstractContextManager[Advance]:
        """Open a stage of `total` steps, `done` of them before; call what it gives after each other."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Give a callable that does nothing."""
        yield lambda remark: None
