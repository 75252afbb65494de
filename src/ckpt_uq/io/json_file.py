"""Strict JSON: what is not a number is null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ckpt_uq.io.atomic import write_bytes_atomic


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a mapping of plain values, whole or not at all."""
    text = json.dumps(without_nan(content), indent=2, allow_nan=False)
    write_bytes_atomic(path, f"{text}\n".encode())


def without_nan(value: Any) -> Any:
    """The same with None in place of NaN and infinity, however deep.

    Examples
    --------
    >>> without_nan({"ece": [0.5, float("nan")]})
    {'ece': [0.5, None]}
    """
    if isinstance(value, Mapping):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
