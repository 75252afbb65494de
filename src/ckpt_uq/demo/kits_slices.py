"""A few axial CT slices of KiTS cases, three annotators for most of them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ckpt_uq.demo.cases import Case
from ckpt_uq.errors import DataError


def kits_slices_cases(folder: Path) -> list[Case]:
    """One case a patient: its slices stacked in order, though they are not neighbours in the body."""
    meta_path = folder / "meta.json"
    if not meta_path.is_file():
        raise DataError(f"{meta_path} must describe the slices, found no such file")
    by_patient: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in json.loads(meta_path.read_text()):
        by_patient[entry["case"]].append(entry)
    return [_case(folder, patient, entries) for patient, entries in sorted(by_patient.items())]


def _case(folder: Path, patient: int, entries: list[dict[str, Any]]) -> Case:
    entries = sorted(entries, key=lambda entry: entry["slice"])
    names = [entry["name"] for entry in entries]
    z, y, x = entries[0]["spacing_zyx_mm"]
    annotated = all(entry["raters"] > 0 for entry in entries)
    return Case(
        name=f"case_{patient:05d}",
        image=_stack(folder / "images", names).astype(np.float32),
        labels=_stack(folder / "labels", names),
        affine=np.diag([-x, -y, z, 1.0]),
        raters=np.stack([_raters(folder, name) for name in names], axis=1) if annotated else None,
    )


def _stack(folder: Path, names: list[str]) -> npt.NDArray[np.uint8]:
    return np.stack([np.asarray(Image.open(folder / f"{name}.png"), dtype=np.uint8) for name in names])


def _raters(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    with np.load(folder / "raters" / f"{name}.npz", allow_pickle=False) as stored:
        return np.asarray(stored["labels"], dtype=np.uint8)
