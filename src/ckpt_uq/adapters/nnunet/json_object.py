"""nnU-Net's plans and data sets are JSON objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ckpt_uq.errors import DataError


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises
    ------
    DataError
        The file is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must be a readable JSON file: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a JSON object, got {type(content).__name__}")
    return content
