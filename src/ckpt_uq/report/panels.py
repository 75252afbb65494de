"""Pictures of one case: image, truth, prediction and the two maps, of its most uncertain slice."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ckpt_uq.errors import DataError
from ckpt_uq.io.volume import Volume, read_volume
from ckpt_uq.report.colours import class_colour, entropy_table, mutual_information_table, rgb_of
from ckpt_uq.report.planes import Display, display_of
from ckpt_uq.report.results import CaseResult

Array = npt.NDArray[Any]
RGB = npt.NDArray[np.uint8]
Window = tuple[float, float]

SCALE_BITS = {"predictive_entropy": 1.0, "mutual_information": 0.5}
"""Where the colours end. Fixed, so that cases and reports compare; what is above has the last colour."""

_TABLES = {"predictive_entropy": entropy_table(), "mutual_information": mutual_information_table()}
TITLES = {
    "image": "Image",
    "labels": "Truth",
    "segmentation": "Prediction",
    "predictive_entropy": "Predictive entropy",
    "mutual_information": "Mutual information",
}
"""What the pictures of a case are called, in their order."""

_SIDE = 300
_THUMBNAIL = 132
_FILL = 0.4


@dataclass(frozen=True)
class Panel:
    """One picture: its title, a data URI, its size in pixels, and what a screen reader says."""

    title: str
    uri: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class CasePictures:
    """The pictures of a case, of one slice.

    Attributes
    ----------
    panels : tuple of Panel
        Those that the case's volumes allow, in the order image, truth, prediction, entropy, MI.
    thumbnail : Panel
        The image, or the prediction where there is none, under the entropy.
    number : int
        Which slice it is, from 1.
    where : str
        The same in words.
    sides : tuple of str
        Letters of the patient's directions at the left edge and on top.
    """

    panels: tuple[Panel, ...]
    thumbnail: Panel
    number: int
    where: str
    sides: tuple[str, str]


def load_volumes(case: CaseResult) -> dict[str, Volume]:
    """Read every volume of a case, all on the grid of its segmentation.

    Raises
    ------
    DataError
        One cannot be read, or lies on another grid.
    """
    volumes = {name: read_volume(path) for name, path in case.volumes.items()}
    for name, volume in volumes.items():
        difference = volume.geometry.difference(volumes["segmentation"].geometry)
        if difference is not None:
            raise DataError(
                f"{case.volumes[name]} must lie on the grid of the segmentation, got {difference}"
            )
    return volumes


def picture_case(name: str, volumes: Mapping[str, Volume]) -> CasePictures:
    """Draw a case.

    Parameters
    ----------
    name : str
        For the alternative texts.
    volumes : mapping of str to Volume
        By the names in :data:`ckpt_uq.report.results.VOLUMES`; the segmentation at least.
    """
    display = display_of(volumes["segmentation"].affine, volumes["segmentation"].data.shape)
    stacks = {role: display.slices(volume.data) for role, volume in volumes.items()}
    index = _most_uncertain(stacks)
    window = grey_window(stacks["image"], stacks["segmentation"]) if "image" in stacks else None
    where = f"{display.plane} slice {index + 1} of {len(stacks['segmentation'])}"
    canvas = _Canvas(display, {role: stack[index] for role, stack in stacks.items()}, window)
    panels = tuple(
        canvas.panel(role, f"{name}, {where}: {TITLES[role].lower()}") for role in TITLES if role in stacks
    )
    return CasePictures(panels, canvas.thumbnail(f"{name}, {where}"), index + 1, where, display.sides)


def _most_uncertain(stacks: Mapping[str, Array]) -> int:
    """The slice with most entropy, or without a map with most foreground."""
    amount = stacks.get("predictive_entropy", stacks["segmentation"] > 0)
    return int(np.nan_to_num(amount).sum(axis=(1, 2), dtype=np.float64).argmax())


def grey_window(image: Array, segmentation: Array) -> tuple[float, float]:
    """Values shown black and white: nearly all of those in the box around the foreground, grown by a quarter.

    Air and table would otherwise take most of the greys of a CT. Without foreground the box is the whole
    image.
    """
    inside = np.argwhere(segmentation > 0)
    box: tuple[slice, ...] = (slice(None),) * image.ndim
    if len(inside):
        first, last = inside.min(axis=0), inside.max(axis=0) + 1
        margin = (last - first + 3) // 4
        box = tuple(slice(max(0, a - m), b + m) for a, b, m in zip(first, last, margin, strict=True))
    values = image[box][np.isfinite(image[box])]
    low, high = np.percentile(values, (0.5, 99.5)) if values.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


class _Canvas:
    """One slice of every volume, brought to the same size in square pixels."""

    def __init__(self, display: Display, planes: Mapping[str, Array], window: Window | None) -> None:
        rows, columns = planes["segmentation"].shape
        height, width = rows * display.pixel_mm[0], columns * display.pixel_mm[1]
        scale = _SIDE / max(height, width)
        self.size = max(1, round(width * scale)), max(1, round(height * scale))
        self.planes = planes
        self.labels = {
            role: self._resize(planes[role].astype(np.int32), Image.Resampling.NEAREST)
            for role in ("segmentation", "labels")
            if role in planes
        }
        self.grey = self._grey(window)

    def panel(self, role: str, alt: str) -> Panel:
        if role == "image":
            picture = self.grey
        elif role in self.labels:
            picture = _outlined(_filled(self.grey, self.labels[role]), self.labels[role])
        else:
            picture = self._heat(role)
            rim = _borders(self.labels["segmentation"])
            picture[rim] = (
                picture[rim] * 0.6 + 50
            )  # faint, for where things are: the map is what is to be seen
        return _encode(TITLES[role], picture, alt)

    def thumbnail(self, alt: str) -> Panel:
        picture, said = _outlined(self.grey, self.labels["segmentation"]), "prediction's outline on the image"
        if "predictive_entropy" in self.planes:
            heat = self._heat("predictive_entropy").astype(np.float32)
            opacity = np.clip(heat.max(axis=2, keepdims=True) / 160, 0, 0.95)
            picture = (opacity * heat + (1 - opacity) * self.grey).astype(np.uint8)
            said = "entropy over the image"
        return _encode("", picture, f"{alt}: {said}", side=_THUMBNAIL)

    def _grey(self, window: Window | None) -> RGB:
        if window is None:
            return np.full((*self.size[::-1], 3), 40, np.uint8)
        low, high = window
        share = np.clip((np.nan_to_num(self.planes["image"]).astype(np.float32) - low) / (high - low), 0, 1)
        grey = self._resize(share.astype(np.float32), Image.Resampling.BICUBIC)
        return np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)

    def _heat(self, role: str) -> RGB:
        share = np.clip(np.nan_to_num(self.planes[role].astype(np.float32)) / SCALE_BITS[role], 0, 1)
        fine = self._resize(share.astype(np.float32), Image.Resampling.BILINEAR)
        return _TABLES[role][(np.clip(fine, 0, 1) * 255).astype(np.uint8)]

    def _resize(self, plane: Array, how: Image.Resampling) -> Array:
        return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(self.size, how))


def _filled(grey: RGB, labels: Array) -> RGB:
    picture = grey.astype(np.float32)
    for label in np.unique(labels[labels > 0]):
        inside = labels == label
        picture[inside] = (1 - _FILL) * picture[inside] + _FILL * np.array(rgb_of(class_colour(int(label))))
    return picture.astype(np.uint8)


def _outlined(picture: RGB, labels: Array) -> RGB:
    picture = picture.copy()
    rim = _borders(labels)
    for label in np.unique(labels[labels > 0]):
        picture[rim & (labels == label)] = rgb_of(class_colour(int(label)))
    return picture


def _borders(labels: Array) -> npt.NDArray[np.bool_]:
    """Foreground pixels with a neighbour of another label."""
    rim = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        before, after = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
        rim[before] |= differs
        rim[after] |= differs
    return rim & (labels > 0)


def _encode(title: str, picture: RGB, alt: str, side: int | None = None) -> Panel:
    image = Image.fromarray(picture)
    if side is not None:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80, method=4)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Panel(title, uri, image.width, image.height, alt)
