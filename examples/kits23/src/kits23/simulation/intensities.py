"""How bright kidney, tumour and cyst of one patient are, as KiTS23's patients are."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ckpt_uq.errors import DataError

TABLE = "hu_stats_by_case.csv"


class Intensity(NamedTuple):
    """Mean and standard deviation of HU over the voxels of one label in one scan."""

    mean: float
    stdev: float


_KNOWN = {1: (111.4, 32.8, 62.8, 19.5), 2: (77.2, 35.4, 42.1, 15.8), 3: (36.7, 26.9, 37.2, 14.1)}
"""Mean and SD over KiTS23's cases of a label's mean, and of its standard deviation."""

_SHARED = 0.5
"""Correlation of the kidney's brightness with a mass's: both depend on when the scan was taken."""


def draw_intensities(
    rng: np.random.Generator, labels: Collection[int], table: Path | None
) -> dict[int, Intensity]:
    """Draw one patient's intensities.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides which.
    labels : collection of int
        Labels that the patient has, of 1 kidney, 2 tumour, 3 cyst.
    table : path, optional
        HU of every label in every case, columns case, label, mean, stdev. All labels are then taken from one
        real case that has them. Without it they are drawn from the table's summary.

    Raises
    ------
    DataError
        The table cannot be read, or no case has these labels.

    Examples
    --------
    >>> drawn = draw_intensities(np.random.default_rng(0), [1, 3], None)
    >>> sorted(drawn), drawn[1].mean > drawn[3].mean
    ([1, 3], True)
    """
    if table is None:
        return _from_summary(rng, labels)
    cases = _read(table)
    fitting = sorted(name for name, row in cases.items() if set(labels) <= row.keys())
    if not fitting:
        raise DataError(f"{table} must have a case with the labels {sorted(labels)}, found none")
    row = cases[fitting[int(rng.integers(len(fitting)))]]
    return {label: row[label] for label in labels}


def _from_summary(rng: np.random.Generator, labels: Collection[int]) -> dict[int, Intensity]:
    phase = rng.standard_normal()
    drawn = {}
    for label, (mean, spread, stdev, stdev_spread) in _KNOWN.items():
        own = rng.standard_normal()
        shared = phase if label == 1 else _SHARED * phase + np.sqrt(1 - _SHARED**2) * own
        intensity = Intensity(
            float(np.clip(mean + spread * shared, mean - 2 * spread, mean + 2 * spread)),
            float(np.clip(stdev + stdev_spread * rng.standard_normal(), 0.6 * stdev, 1.6 * stdev)),
        )
        drawn[label] = intensity
    return {label: drawn[label] for label in labels}


def _read(table: Path) -> dict[str, dict[int, Intensity]]:
    cases: dict[str, dict[int, Intensity]] = {}
    try:
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                intensity = Intensity(float(row["mean"]), float(row["stdev"]))
                cases.setdefault(row["case"], {})[int(row["label"])] = intensity
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{table} must be a table with the columns case, label, mean and stdev: {error!r}"
        ) from error
    return cases
