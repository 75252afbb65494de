"""Keep a calibration beside the run it belongs to."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.posthoc.boundary import BoundaryTemperature
from ckpt_uq.posthoc.scaling import LogitScaling

FORMAT, VERSION = "ckpt_uq transform", 1

_KINDS: dict[str, type[LogitScaling] | type[BoundaryTemperature]] = {
    "scaling": LogitScaling,
    "boundary_temperature": BoundaryTemperature,
}


def save_transform(path: str | Path, transform: LogitScaling | BoundaryTemperature) -> None:
    """Write a fitted transform as JSON, whole or not at all.

    Parameters
    ----------
    path : path
        Such as ``calibration.json`` in the run's folder.
    transform : LogitScaling or BoundaryTemperature
        What was fitted.

    Raises
    ------
    ArgumentError
        If it is no such transform.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "calibration.json"
    >>> save_transform(path, LogitScaling.of_temperature(2.0))
    >>> load_transform(path)
    LogitScaling(scale=(0.5,), shift=(0.0,))
    """
    kinds = [kind for kind, cls in _KINDS.items() if isinstance(transform, cls)]
    if not kinds:
        raise ArgumentError(
            f"transform must be one of {[cls.__name__ for cls in _KINDS.values()]}, got "
            f"{type(transform).__name__}; keep your own function in your own file"
        )
    content = {"format": FORMAT, "version": VERSION, "kind": kinds[0], **asdict(transform)}
    write_bytes_atomic(path, (json.dumps(content, indent=2) + "\n").encode())


def load_transform(path: str | Path) -> LogitScaling | BoundaryTemperature:
    """Read what :func:`save_transform` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another format or of a later version.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a saved transform: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise DataError(f"{path} is not a saved transform; write one with save_transform")
    version, cls = content.pop("version", None), _KINDS.get(str(content.pop("kind", None)))
    if version != VERSION or cls is None:
        raise DataError(f"{path} has version {version}, this library reads {VERSION}; fit and save it anew")
    try:
        return cls(**{name: _hashable(value) for name, value in content.items()})
    except (TypeError, ArgumentError) as error:
        raise DataError(f"{path} is damaged ({error}); fit and save it anew") from error


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
