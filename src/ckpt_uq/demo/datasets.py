"""What the demo can run on, and how each data set is trained."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ckpt_uq.cycles import Cycles, cycles_ending_at
from ckpt_uq.demo.cases import Case, SplitSizes
from ckpt_uq.demo.hippocampus import hippocampus_cases
from ckpt_uq.demo.kits_slices import kits_slices_cases
from ckpt_uq.demo.phantom import PhantomGrid, phantom_cases
from ckpt_uq.demo.scoring import FOREGROUND
from ckpt_uq.demo.slicewise import Slicewise
from ckpt_uq.errors import ArgumentError, DataError

DATA_VARIABLE = "CKPT_UQ_DATA"
KIDNEY_CLASSES = ("kidney", "tumour", "cyst")


@dataclass(frozen=True)
class Expected:
    """Where a number must lie for the data to be worth a demonstration; `key` is its path in metrics.json."""

    key: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True)
class DataSet:
    """Cases and the recipe to train on them.

    Attributes
    ----------
    name, title : str
        What the user types, and what figures say.
    classes : tuple of str
        Foreground classes, label 1 first.
    subject : str
        Whose uncertainty is held against whose Dice: one of the classes, or the whole foreground.
    load : callable
        Takes the seed, returns every case.
    split : SplitSizes
        Cases for training, selection, calibration and test.
    slicewise : Slicewise
        The grid the network is trained on.
    n_epochs, batch_size, slice_step : int
        Length of the run, slices a step, and every how many-th slice of a training case is used.
    slices_per_epoch : int, optional
        An epoch sees this many of the training slices, drawn anew; all of them by default.
    window : tuple of float, optional
        Intensities outside are clipped.
    expected : tuple of Expected
        Checked in every run of the recipe's own length.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    subject: str
    load: Callable[[int], list[Case]]
    split: SplitSizes
    slicewise: Slicewise
    n_epochs: int
    batch_size: int
    slice_step: int = 1
    slices_per_epoch: int | None = None
    window: tuple[float, float] | None = None
    expected: tuple[Expected, ...] = ()

    @property
    def n_classes(self) -> int:
        """Classes with the background."""
        return len(self.classes) + 1


def paper_cycles(n_epochs: int) -> Cycles:
    """Cycles that end where the paper's do, at 1/8, 1/4, 1/2 and all of the run.

    Examples
    --------
    >>> paper_cycles(40).lengths
    (5, 5, 10, 20)
    """
    if n_epochs < 1:
        raise ArgumentError(f"epochs must be >= 1, got {n_epochs}")
    return cycles_ending_at(sorted({max(1, n_epochs // part) for part in (8, 4, 2, 1)}))


def find_dataset(name: str) -> DataSet:
    """The data set called `name`."""
    if name not in DATASETS:
        raise ArgumentError(f"data must be one of {', '.join(DATASETS)}, got {name!r}")
    return DATASETS[name]


def _phantom(n: int, grid: PhantomGrid) -> Callable[[int], list[Case]]:
    return lambda seed: phantom_cases(n, seed, grid)


def _on_disk(name: str, folder: str, read: Callable[[Path], list[Case]]) -> Callable[[int], list[Case]]:
    def load(seed: int) -> list[Case]:
        root = os.environ.get(DATA_VARIABLE)
        if not root:
            raise DataError(
                f"data {name!r} needs the environment variable {DATA_VARIABLE} to name the folder that holds "
                f"{folder}/, it is not set; --data phantom needs no files"
            )
        path = Path(root) / folder
        if not path.is_dir():
            raise DataError(f"{DATA_VARIABLE} must name a folder that holds {folder}/, got {root}")
        return read(path)

    return load


_TINY_GRID = PhantomGrid(shape=(2, 32, 32), spacing_mm=(8.0, 10.0, 12.0))
_ALL = (
    DataSet(
        name="phantom",
        title="Simulated kidney CT",
        classes=KIDNEY_CLASSES,
        subject="tumour",
        load=_phantom(160, PhantomGrid()),
        split=SplitSizes(train=90, selection=20, calibration=10, test=40),
        slicewise=Slicewise(grid=(72, 96)),
        n_epochs=32,
        batch_size=2,
        slices_per_epoch=160,
        window=(-150.0, 300.0),
        expected=(
            Expected(("dice_per_class_best_single", "tumour"), 0.5, 0.9),  # neither hopeless nor solved
            Expected(("rater_disagreement_auroc",), 0.8, 1.0),
        ),
    ),
    DataSet(
        name="phantom-tiny",
        title="Simulated kidney CT, in small",
        classes=KIDNEY_CLASSES,
        subject="tumour",
        load=_phantom(14, _TINY_GRID),
        split=SplitSizes(train=6, selection=2, calibration=1, test=5),
        slicewise=Slicewise(grid=(32, 32)),
        n_epochs=4,
        batch_size=4,
        window=(-150.0, 300.0),
    ),
    DataSet(
        name="hippocampus",
        title="Hippocampus MR",
        classes=("anterior", "posterior"),
        subject=FOREGROUND,
        load=_on_disk("hippocampus", "hippocampus", hippocampus_cases),
        split=SplitSizes(train=110, selection=30, calibration=20, test=40),
        slicewise=Slicewise(grid=(64, 48)),
        n_epochs=40,
        batch_size=40,
        slice_step=2,
    ),
    DataSet(
        name="kits-slices",
        title="Kidney CT slices (KiTS)",
        classes=KIDNEY_CLASSES,
        subject="tumour",
        load=_on_disk("kits-slices", "kits_slices", kits_slices_cases),
        split=SplitSizes(train=13, selection=4, calibration=2, test=6),
        slicewise=Slicewise(grid=(128, 128), factor=4),
        n_epochs=160,  # thirteen cases make short epochs
        batch_size=2,
    ),
)
DATASETS: Mapping[str, DataSet] = {dataset.name: dataset for dataset in _ALL}
