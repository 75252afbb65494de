"""What the page's 3D viewer needs: NiiVue itself, and each case's volumes, small enough to carry along."""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from ckpt_uq.io.volume import Volume
from ckpt_uq.report.colours import class_colour, entropy_table, mutual_information_table, rgb_of
from ckpt_uq.report.panels import SCALE_BITS, grey_window
from ckpt_uq.report.planes import display_of

_LABELS = ("segmentation", "labels")


def niivue_bundle() -> str | None:
    """NiiVue as base64 of gzip, for the page to unpack; None where the package was built without it."""
    folder = resources.files("ckpt_uq.report") / "static" / "niivue"
    bundles = sorted(Path(str(folder)).glob("niivue-*.umd.js"))
    return base64.b64encode(gzip.compress(bundles[-1].read_bytes(), mtime=0)).decode() if bundles else None


def embedded(volumes: Mapping[str, Volume]) -> dict[str, str]:
    """Volumes of a case for the viewer, as base64 of NIfTI in 8 bits.

    Grey values are those of the panels' window and half of it to either side; maps keep 255 steps up to their
    maximum.
    """
    return {role: base64.b64encode(_eight_bits(role, volumes)).decode() for role in volumes}


def beside(volumes: Mapping[str, Path], page: Path) -> dict[str, str]:
    """Paths of a case's volumes as the page links to them."""
    return {role: Path(os.path.relpath(path, page.parent)).as_posix() for role, path in volumes.items()}


def scene(volumes: Mapping[str, Volume]) -> dict[str, Any]:
    """How a case is shown: window of the image, axis of the slices and their number."""
    segmentation = volumes["segmentation"]
    display = display_of(segmentation.affine, segmentation.data.shape)
    window = grey_window(volumes["image"].data, segmentation.data) if "image" in volumes else None
    return {
        "window": window,
        "axis": display.axis,
        "plane": display.plane,
        "slices": len(display.slices(segmentation.data)),
    }


def palette(classes: Iterable[str]) -> dict[str, Any]:
    """Colours of classes and maps, as in the panels."""
    return {
        "classes": [
            {"name": name, "rgb": rgb_of(class_colour(label))} for label, name in enumerate(classes, start=1)
        ],
        "maps": {
            "predictive_entropy": _map("predictive_entropy", entropy_table()),
            "mutual_information": _map("mutual_information", mutual_information_table()),
        },
    }


def _map(role: str, table: npt.NDArray[np.uint8]) -> dict[str, Any]:
    return {"max": SCALE_BITS[role], "table": [*table[::8].tolist(), table[-1].tolist()]}


def _eight_bits(role: str, volumes: Mapping[str, Volume]) -> bytes:
    volume = volumes[role]
    values = np.nan_to_num(volume.data.astype(np.float64), posinf=0, neginf=0)
    low, high = 0.0, 255.0
    if role == "image":
        black, white = grey_window(volume.data, volumes["segmentation"].data)
        low, high = black - (white - black) / 2, white + (white - black) / 2
    elif role not in _LABELS:
        high = max(float(values.max()), 1e-6)
    slope = (high - low) / 255
    steps = np.clip(np.round((values - low) / slope), 0, 255)
    image = nib.Nifti1Image(steps.astype(np.uint8).T, volume.affine)
    image.header.set_xyzt_units("mm")
    if role not in _LABELS:
        image.header.set_slope_inter(slope, low)
    return gzip.compress(image.to_bytes(), mtime=0)
