"""Colours of classes and maps: the same in pictures, legends and the 3D viewer."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

# Okabe and Ito: told apart by colour-blind readers, and on grey images.
_CLASSES = ("#56b4e9", "#e8601c", "#f0e442", "#009e73", "#cc79a7", "#e69f00", "#0072b2", "#b8b8b8")

_TEAL = ("#000000", "#0b2f3a", "#0f6b75", "#2bb3a3", "#a6ecc7", "#fbfff2")
"""Black to white by blue-green, evenly lighter: not to be mistaken for the entropy's colours."""


def class_colour(label: int) -> str:
    """Colour of a foreground class as #rrggbb; they repeat after eight.

    Examples
    --------
    >>> class_colour(1)
    '#56b4e9'
    """
    return _CLASSES[(label - 1) % len(_CLASSES)]


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of #rrggbb, 0 to 255.

    Examples
    --------
    >>> rgb_of("#ff8000")
    (255, 128, 0)
    """
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def entropy_table() -> npt.NDArray[np.uint8]:
    """Colours of the predictive entropy, shape (256, 3): matplotlib's inferno."""
    table: npt.NDArray[Any] = matplotlib.colormaps["inferno"](np.arange(256), bytes=True)
    return table[:, :3].astype(np.uint8)


def mutual_information_table() -> npt.NDArray[np.uint8]:
    """Colours of the mutual information, shape (256, 3).

    Examples
    --------
    >>> mutual_information_table()[0], mutual_information_table().shape
    (array([0, 0, 0], dtype=uint8), (256, 3))
    """
    anchors = np.array([rgb_of(colour) for colour in _TEAL], np.float64)
    at = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), at, channel) for channel in anchors.T]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def css_gradient(table: npt.NDArray[np.uint8], steps: int = 9) -> str:
    """The colours from left to right, for a colour bar.

    Examples
    --------
    >>> css_gradient(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1), steps=2)
    'linear-gradient(to right, #000000, #ffffff)'
    """
    rows = table[np.linspace(0, 255, steps).astype(int)]
    return "linear-gradient(to right, " + ", ".join("#" + row.tobytes().hex() for row in rows) + ")"
