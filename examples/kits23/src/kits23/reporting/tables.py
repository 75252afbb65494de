"""Tables I to III, cell by cell: the paper's numbers, and measured ones with their origin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluating.cohort import METRICS
from ckpt_uq.evaluation.kits import KITS_REGIONS
from kits23.reporting import paper
from kits23.systems import in_order, title_of
from kits23.work import Work


@dataclass(frozen=True)
class Measured:
    """What one system's metrics.json says.

    Attributes
    ----------
    system : str
        Name of its folder.
    path : Path
        The file.
    metrics : dict
        Its content.
    """

    system: str
    path: Path
    metrics: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What tables call the system."""
        return title_of(self.system)

    def value(self, *keys: str) -> float | None:
        """The number at a place in the file; None if there is none."""
        found: Any = self.metrics
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        is_number = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
        return float(found) if is_number else None


@dataclass(frozen=True)
class Cell:
    """One number.

    Attributes
    ----------
    text : str
        As shown; a dash where there is none.
    file : Path or None
        Where a measured number is from; None for the paper's.
    key : str
        Its place in the file, keys with dots between them; for the paper's which table.
    """

    text: str
    file: Path | None
    key: str


@dataclass(frozen=True)
class Table:
    """A table of the paper, with what was measured."""

    anchor: str
    title: str
    headings: tuple[tuple[str, bool], ...]
    """Names of the columns, and whether they are the paper's."""
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    note: str


def read_measured(work: Work) -> list[Measured]:
    """Every system that was evaluated, the paper's first.

    Raises
    ------
    ArgumentError
        None was.
    DataError
        A file is damaged.
    """
    found = [path.parent.name for path in work.evaluation.glob(f"*/{METRICS}")]
    if not found:
        raise ArgumentError(
            f"WORK must hold evaluation/SYSTEM/{METRICS}, none is in {work.evaluation}; run kits23 evaluate"
        )
    return [_read(work.evaluation / system / METRICS) for system in in_order(found)]


def _read(path: Path) -> Measured:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must be JSON: {error}; run kits23 evaluate again") from error
    if not isinstance(metrics, dict):
        raise DataError(f"{path} must hold one JSON object, got {type(metrics).__name__}")
    return Measured(path.parent.name, path, metrics)


def table_one(measured: list[Measured]) -> Table:
    """Calibration of the systems."""

    def row(system: str, own: Measured | None) -> tuple[str, tuple[Cell, ...]]:
        return title_of(system), (
            _printed(paper.ECE_PERCENT.get(system), 2, "Table I"),
            _cell(own, 2, "ece_percent"),
            _cell(own, 2, "ece_roi_percent"),
            _cell(own, 2, "ece_released_percent"),
            _cell(own, 0, "n_cases"),
        )

    return Table(
        "table-1",
        "Table I: expected calibration error",
        (
            ("ECE %, paper", True),
            ("ECE %, all voxels", False),
            ("ECE %, around the kidneys", False),
            ("released code’s number %", False),
            ("cases", False),
        ),
        _rows(row, measured, paper.ECE_PERCENT),
        "Measured: confidence of the predicted class against the labels, 15 bins, voxels of all test cases "
        "pooled; around the kidneys means the labelled foreground and a few pixels more in its slice. The "
        "released code bins the kidney’s probability against the ensemble’s own segmentation, without any "
        "label: its number is given because the paper’s may have been computed so.",
    )


def table_two(measured: list[Measured]) -> Table:
    """Calibration, Dice and entropy of the ways to get members."""

    def row(system: str, own: Measured | None) -> tuple[str, tuple[Cell, ...]]:
        printed = paper.TABLE_TWO.get(system)
        ece, dice, entropy = printed or (None, None, None)
        return title_of(system), (
            _printed(ece, 2, "Table II"),
            _cell(own, 2, "ece_percent"),
            _printed(dice, 1, "Table II"),
            _cell(own, 1, "kits", "kidney_and_mass", "dice", times=100),
            _printed(entropy, 2, "Table II"),
            _cell(own, 2, "contour_score", "foreground", "mean"),
            _cell(own, 4, "predictive_entropy_bits"),
        )

    return Table(
        "table-2",
        "Table II: ways to get members",
        (
            ("ECE %, paper", True),
            ("ECE %", False),
            ("Dice %, paper", True),
            ("Dice %, kidney and masses", False),
            ("avg. entropy, paper", True),
            ("contour score, bits", False),
            ("mean entropy, bits a voxel", False),
        ),
        _rows(row, measured, paper.TABLE_TWO),
        "The paper does not say which Dice or entropy this is: its 80.0 is the kidneys’ of Table III, and "
        "its entropies have the size of contour scores. Both means are over test cases.",
    )


def table_three(measured: list[Measured]) -> Table:
    """Segmentation beside the challenge's best."""
    regions = tuple(KITS_REGIONS)

    def row(system: str, own: Measured | None) -> tuple[str, tuple[Cell, ...]]:
        printed = paper.TABLE_THREE.get(system) or paper.CHALLENGE.get(system) or (None, None, None)
        return title_of(system), (
            *(_printed(value, 3, "Table III") for value in printed),
            *(_cell(own, 3, "kits", region, "dice") for region in regions),
            *(_cell(own, 3, "kits", region, "surface_dice") for region in regions),
        )

    names = ("kidney", "masses", "tumour")
    return Table(
        "table-3",
        "Table III: segmentation",
        (
            *((f"Dice, {name}, paper", True) for name in names),
            *((f"Dice, {name}", False) for name in names),
            *((f"surface Dice, {name}", False) for name in names),
        ),
        _rows(row, measured, {**paper.CHALLENGE, **paper.TABLE_THREE}),
        "KiTS’s regions: kidney with all masses, masses, tumour alone; both empty counts 1, one empty 0. The "
        "challenge’s entries were scored on its hidden cases, the others on test cases of the public ones.",
    )


def _rows(
    row: Any, measured: list[Measured], printed: Mapping[str, object]
) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """The paper's rows and those of what was measured."""
    own = {one.system: one for one in measured}
    challenge = [name for name in printed if name in paper.CHALLENGE]
    systems = in_order([*(name for name in printed if name not in challenge), *own])
    return tuple(row(name, own.get(name)) for name in [*challenge, *dict.fromkeys(systems)])


def _printed(value: float | None, digits: int, where: str) -> Cell:
    return Cell("" if value is None else f"{value:.{digits}f}", None, f"{where} of the paper")


def _cell(measured: Measured | None, digits: int, *keys: str, times: float = 1) -> Cell:
    value = None if measured is None else measured.value(*keys)
    if measured is None or value is None:
        return Cell("–", None, "not measured")
    said = ".".join(keys) + (f" × {times:g}" if times != 1 else "")
    return Cell(f"{value * times:.{digits}f}", measured.path, said)
