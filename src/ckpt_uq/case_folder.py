"""The folder of a predicted case: its files, and the one among them that says it is whole."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ckpt_uq.io.atomic import temporaries_in, write_bytes_atomic

SEGMENTATION = "segmentation.nii.gz"
ENTROPY = "entropy.nii.gz"
MUTUAL_INFORMATION = "mutual_information.nii.gz"
MEAN_PROBS = "mean_probs.npz"
DONE = "case.json"

_FORMAT = 1


def clear(folder: Path) -> None:
    """Make room for a case: remove what an earlier attempt left, its mark of being whole first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (DONE, SEGMENTATION, ENTROPY, MUTUAL_INFORMATION, MEAN_PROBS):
        (folder / name).unlink(missing_ok=True)
    for temporary in temporaries_in(folder):
        temporary.unlink()


def mark_done(folder: Path, content: dict[str, Any]) -> None:
    """Write the last file of a case; NaN becomes null."""
    scores = {name: None if math.isnan(value) else value for name, value in content["scores"].items()}
    text = json.dumps({"format": _FORMAT, **content, "scores": scores}, indent=2, allow_nan=False)
    write_bytes_atomic(folder / DONE, f"{text}\n".encode())


def read_done(folder: Path) -> dict[str, Any] | None:
    """What the last file of a case says; None if the case is not whole."""
    try:
        content = json.loads((folder / DONE).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        return None
    return content
