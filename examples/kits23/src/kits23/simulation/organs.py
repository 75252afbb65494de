"""The labelled tissues: contrast-filled cortex and darker medulla, tumours with necrosis, cysts of water."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.special import expit

from ckpt_uq.demo.phantom.blob import Floats, Point
from kits23.simulation.fields import SmoothField
from kits23.simulation.intensities import Intensity
from kits23.simulation.labels import Labels
from kits23.simulation.surroundings import FAT_HU

Mask = npt.NDArray[np.bool_]

_BLUR_MM = 0.6
_BLUR_VOXELS = 0.35
_BOX_MARGIN_MM = 14.0
_CORTEX_MM = 7.0
_ROUNDS = 2


@dataclass(frozen=True)
class Box:
    """Part of the grid around all labels, and what is known there.

    Attributes
    ----------
    place : tuple of slice
        Where in the volume it lies.
    labels : array
        Its labels.
    shares : mapping of int to array
        Share of every voxel that each label takes, in [0, 1]: partial volume.
    patterns : mapping of int to array
        What is brighter and what darker within a label, mean 0 and SD 1 over its voxels.
    fat : array
        Share that the fat around the kidneys takes.
    """

    place: tuple[slice, slice, slice]
    labels: Labels
    shares: Mapping[int, Floats]
    patterns: Mapping[int, Floats]
    fat: Floats


def box_around(labels: Labels, spacing_mm: Point, rng: np.random.Generator) -> Box:
    """Draw the texture of every label of a volume; see :class:`Box`."""
    place = _place(labels, spacing_mm)
    inside = labels[place]
    away = np.asarray(distance_transform_edt(inside == 0, spacing_mm), np.float32)
    blur = [np.hypot(_BLUR_MM, _BLUR_VOXELS * step) / step for step in spacing_mm]
    found = [int(label) for label in np.unique(inside) if label]
    draw = {1: _parenchyma, 2: _tumour, 3: _cyst}
    shares, patterns = {}, {}
    for label in found:
        mask = inside == label
        shares[label] = gaussian_filter(mask.astype(np.float32), blur)
        patterns[label] = _standardised(draw[label](mask, spacing_mm, rng), mask)
    fat = np.asarray(expit((rng.uniform(4, 10) - away) / 0.8), np.float32)
    return Box(place, inside, shares, patterns, fat)


def painted_organs(
    around: Floats, box: Box, wanted: Mapping[int, Intensity], noise_hu: float
) -> tuple[Floats, dict[int, Intensity]]:
    """Paint the labels over what lies around them, so that every label has its mean and SD.

    Both count what partial volume does at the border, and the SD the noise that is still to come. Where the
    border alone spreads the values more than wanted, as in a small cyst, the mean is met and the SD is not.

    Parameters
    ----------
    around : array
        HU of everything else in the box.
    box : Box
        The labels.
    wanted : mapping of int to Intensity
        By label.
    noise_hu : float
        SD of the noise.

    Returns
    -------
    hu : array
        Of the box.
    fillings : dict
        Mean and SD of what each label was filled with, before partial volume.
    """
    base = around + box.fat * (np.float32(FAT_HU) - around)
    base = base * (1 - np.clip(sum(box.shares.values()), 0, 1))
    fillings = {label: Intensity(wanted[label].mean, 0.0) for label in box.shares}
    for _ in range(_ROUNDS):  # a label sees its neighbours through their partial volume
        for label in box.shares:
            others = base + _sum_of(box, {k: v for k, v in fillings.items() if k != label})
            fillings[label] = _filling(others, box, label, wanted[label], noise_hu)
    return np.asarray(base + _sum_of(box, fillings), np.float32), fillings


def _sum_of(box: Box, fillings: Mapping[int, Intensity]) -> Floats:
    total = np.zeros(box.labels.shape, np.float32)
    for label, (mean, stdev) in fillings.items():
        total += box.shares[label] * (np.float32(mean) + np.float32(stdev) * box.patterns[label])
    return total


def _filling(others: Floats, box: Box, label: int, wanted: Intensity, noise_hu: float) -> Intensity:
    """Mean m and SD b of the filling, so that others + share (m + b pattern) has the wanted moments."""
    mask = box.labels == label
    maps = others, box.shares[label], box.patterns[label]
    rest, share, pattern = (values[mask].astype(np.float64) for values in maps)
    textured = share * pattern

    def mean_for(stdev: float) -> float:
        return float((wanted.mean - rest.mean() - stdev * textured.mean()) / share.mean())

    stdev = 0.0
    for _ in range(_ROUNDS):
        flat = rest + mean_for(stdev) * share
        covariance = float(np.mean((flat - flat.mean()) * (textured - textured.mean())))
        missing = max(wanted.stdev**2 - noise_hu**2, 0.0) - float(flat.var())
        variance = float(textured.var())
        if variance == 0:
            break
        root = covariance**2 + variance * missing
        stdev = max((np.sqrt(root) - covariance) / variance, 0.0) if root > 0 else 0.0
    return Intensity(mean_for(stdev), stdev)


def _place(labels: Labels, spacing_mm: Point) -> tuple[slice, slice, slice]:
    along = (labels.any(axis=other) for other in ((1, 2), (0, 2), (0, 1)))
    z, y, x = (
        slice(
            max(0, int(np.flatnonzero(line)[0]) - int(np.ceil(_BOX_MARGIN_MM / step))),
            int(np.flatnonzero(line)[-1]) + 1 + int(np.ceil(_BOX_MARGIN_MM / step)),
        )
        for line, step in zip(along, spacing_mm, strict=True)
    )
    return z, y, x


def _parenchyma(mask: Mask, spacing_mm: Point, rng: np.random.Generator) -> Floats:
    """A bright rim, and pyramids that the contrast has not reached."""
    depth = np.asarray(distance_transform_edt(mask, spacing_mm), np.float32)
    below_rim = expit((depth - _CORTEX_MM) / 1.5)
    pyramids = expit(3 * _field(mask.shape, spacing_mm, rng, 6.0))
    return np.asarray(-below_rim * pyramids + 0.12 * _field(mask.shape, spacing_mm, rng, 3.0), np.float32)


def _tumour(mask: Mask, spacing_mm: Point, rng: np.random.Generator) -> Floats:
    """Uneven enhancement, and a core that has died where the mass is deep."""
    depth = np.asarray(distance_transform_edt(mask, spacing_mm), np.float32)
    deep = expit((depth - 9.0) / 1.5)
    dead = deep * expit(4 * (_field(mask.shape, spacing_mm, rng, 7.0) + rng.uniform(-0.3, 0.7)))
    return np.asarray(0.45 * _field(mask.shape, spacing_mm, rng, 4.0) - 1.6 * dead, np.float32)


def _cyst(mask: Mask, spacing_mm: Point, rng: np.random.Generator) -> Floats:
    """Water: nearly even."""
    return _field(mask.shape, spacing_mm, rng, 9.0)


def _field(shape: tuple[int, ...], spacing_mm: Point, rng: np.random.Generator, width_mm: float) -> Floats:
    axes = [np.arange(n) * step for n, step in zip(shape, spacing_mm, strict=True)]
    return SmoothField(rng, (0, 0, 0), [float(axis[-1]) for axis in axes], width_mm).at(axes)


def _standardised(pattern: Floats, mask: Mask) -> Floats:
    values = pattern[mask].astype(np.float64)
    return np.asarray((pattern - values.mean()) / max(values.std(), 1e-6), np.float32)
