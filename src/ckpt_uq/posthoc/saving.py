"""Keep a calibration beside the run it belongs to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ckpt_uq.errors import ArgumentError
from ckpt_uq.io.versioned_json import VersionedJson
from ckpt_uq.posthoc.boundary import BoundaryTemperature
from ckpt_uq.posthoc.scaling import LogitScaling

_FILE = VersionedJson("ckpt_uq transform", 1, what="transform", writer="save_transform")

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
    _FILE.write(path, {"kind": kinds[0], **asdict(transform)})


def load_transform(path: str | Path) -> LogitScaling | BoundaryTemperature:
    """Read what :func:`save_transform` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another format or of a later version.
    """
    return _FILE.read(path, _of_kind)


def _of_kind(fields: dict[str, Any]) -> LogitScaling | BoundaryTemperature:
    return _KINDS[fields.pop("kind")](**fields)
