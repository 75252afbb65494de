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
MEMBER_LABELS = "member_labels.npz"
DONE = "case.json"

_FORMAT = 1
_CLASS_ENTROPIES = "entropy_*_*.nii.gz"


def class_entropy_name(index: int, region_order: tuple[int, ...] | None = None) -> str:
    """File of one class's own entropy, or of one region's.

    Examples
    --------
    >>> class_entropy_name(2), class_entropy_name(0, (1, 2, 3))
    ('entropy_class_2.nii.gz', 'entropy_region_0.nii.gz')
    """
    return f"entropy_{'class' if region_order is None else 'region'}_{index}.nii.gz"


def clear(folder: Path) -> None:
    """Make room for a case: remove what an earlier attempt left, its mark of being whole first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (DONE, SEGMENTATION, ENTROPY, MUTUAL_INFORMATION, MEAN_PROBS, MEMBER_LABELS):
        (folder / name).unlink(missing_ok=True)
    for of_class in folder.glob(_CLASS_ENTROPIES):
        of_class.unlink()
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
