"""Slices as grayscale PNG: one file, or a folder of them in the order of the numbers in their names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.atomic import atomic_path
from ckpt_uq.io.folder import new_folder
from ckpt_uq.io.volume import Volume

_GRAY = {"L": np.uint8, "I;16": np.uint16}


def read_volume(path: str | Path) -> Volume:
    """Read one PNG as a volume of one slice, or a folder of them as a stack, uint8 or uint16.

    Raises
    ------
    DataError
        A file is missing, damaged or in colour, the folder holds none, or slices differ in shape or depth.
    """
    path = Path(path)
    files = sorted(path.glob("*.png"), key=_natural) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} must hold slices as *.png, found none")
    slices = [_slice(file) for file in files]
    for file, plane in zip(files, slices, strict=True):
        if (plane.shape, plane.dtype) != (slices[0].shape, slices[0].dtype):
            raise DataError(
                f"{file} must match the first slice, {slices[0].dtype} of shape {slices[0].shape}, got "
                f"{plane.dtype} of shape {plane.shape}"
            )
    return Volume(np.stack(slices), np.eye(4))


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write one slice as a .png file, or a stack as a new folder of 0000.png, 0001.png ..., without place.

    Raises
    ------
    ArgumentError
        `data` is not uint8, uint16 or bool; a single file is asked to hold several slices; the folder exists.
    """
    path = Path(path)
    data = volume.data.astype(np.uint8) if volume.data.dtype == bool else volume.data
    if data.dtype not in _GRAY.values():
        raise ArgumentError(f"data must be uint8 or uint16 for PNG, got {data.dtype}; use .nii.gz or .npy")
    if path.suffix.lower() == ".png":
        if len(data) != 1:
            raise ArgumentError(
                f"data must be one slice for a single PNG, got {len(data)}; name a folder, without suffix"
            )
        with atomic_path(path) as temporary:
            _image(data[0]).save(temporary, format="PNG")
        return
    with new_folder(path) as folder:
        for index, plane in enumerate(data):
            _image(plane).save(folder / f"{index:04d}.png")


def _slice(path: Path) -> npt.NDArray[Any]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()  # checksums, which reading passes over
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in _GRAY:
                raise DataError(f"{path} must be grayscale of 8 or 16 bit, got mode {image.mode}")
            return np.asarray(image, _GRAY[image.mode])
    except FileNotFoundError:
        raise DataError(f"path must be a PNG file, found none at {path}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} must be a readable PNG file: {error}") from error


def _image(plane: npt.NDArray[Any]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(plane.astype(plane.dtype.newbyteorder("="), copy=False)))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order slice2 before slice10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
