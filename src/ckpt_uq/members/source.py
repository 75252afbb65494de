"""The contract between an ensemble and whatever its members come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


def _as_given(batch: Any) -> Any:
    return batch


@dataclass(frozen=True)
class Member:
    r"""One predictor.

    Attributes
    ----------
    name : str
        Said in error messages: a file name, an epoch, a position in a list.
    forward : callable
        Takes a batch (B, C_in, \*S) and returns what the model returns.
    prepare : callable
        Brings the caller's batch to the kind and device that ``forward`` wants; the batch as it is by
        default.

    Examples
    --------
    >>> Member("doubled", lambda batch: 2 * batch).forward(3)
    6
    """

    name: str
    forward: Callable[[Any], Any]
    prepare: Callable[[Any], Any] = _as_given


@runtime_checkable
class MemberSource(Protocol):
    """Anything that hands out members one at a time, in the same order every time.

    A source that loads members from disk keeps no reference to one it handed out, so that a member's memory
    is free before the next one is loaded.
    """

    def __len__(self) -> int:
        """Count the members."""

    def members(self) -> Iterator[Member]:
        """Hand out the members, one at a time."""
