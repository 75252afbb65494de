"""Keep a fitted regression as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.json_file import write_json
from ckpt_uq.quality.regression import QualityRegression

FORMAT, VERSION = "ckpt_uq quality", 1


def save_quality(path: str | Path, model: QualityRegression) -> None:
    """Write a regression, whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "quality.json"
    >>> save_quality(path, QualityRegression(("entropy",), (0.5,), (0.25,), (-0.1,), 0.8))
    >>> load_quality(path).intercept
    0.8
    """
    write_json(path, {"format": FORMAT, "version": VERSION, **asdict(model)})


def load_quality(path: str | Path) -> QualityRegression:
    """Read what :func:`save_quality` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another format or of a later version.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a saved regression: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise DataError(f"{path} is no saved regression; write one with save_quality")
    if content.pop("version", None) != VERSION:
        raise DataError(f"{path} is of another version than {VERSION}; fit and save it anew")
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    try:
        return QualityRegression(**kept)
    except (TypeError, ArgumentError) as error:
        raise DataError(f"{path} is damaged ({error}); fit and save it anew") from error
