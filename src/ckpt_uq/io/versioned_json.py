"""What was fitted, kept as JSON that says what it is and in which version."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.json_file import write_json

Kept = TypeVar("Kept")


class VersionedJson(NamedTuple):
    """One kind of file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "point.json"
    >>> kind = VersionedJson("example point", version=1, what="point", writer="save_point")
    >>> kind.write(path, {"x": [1.0, 2.0]})
    >>> kind.read(path, lambda fields: fields["x"])
    (1.0, 2.0)
    """

    format: str
    """Stands in the file."""
    version: int
    what: str
    """What the file is called in an error: 'a saved ...'."""
    writer: str
    """The function that writes it."""

    def write(self, path: str | Path, fields: Mapping[str, Any]) -> None:
        """Write plain values by name, whole or not at all; what is not finite becomes null."""
        write_json(path, {"format": self.format, "version": self.version, **fields})

    def read(self, path: str | Path, make: Callable[[dict[str, Any]], Kept]) -> Kept:
        """Read what :meth:`write` wrote.

        Parameters
        ----------
        path : path
            Of the file.
        make : callable
            Gets the values by name, tuples in place of lists. What it raises as ArgumentError, KeyError,
            TypeError or ValueError is a damage of the file.

        Raises
        ------
        DataError
            If there is no such file, or it is damaged, of another format or of another version.
        """
        try:
            content = json.loads(Path(path).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path} cannot be read as a saved {self.what}: {error}") from error
        if not isinstance(content, dict) or content.pop("format", None) != self.format:
            raise DataError(f"{path} is no saved {self.what}; write one with {self.writer}")
        version = content.pop("version", None)
        if version != self.version:
            raise DataError(
                f"{path} has version {version!r}, this library reads {self.version}; fit and save it anew"
            )
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
        try:
            return make(fields)
        except (ArgumentError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is damaged ({error}); fit and save it anew") from error
