"""The common case of all the demo's data sets, and its seeded split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import DataError


@dataclass(frozen=True)
class Case:
    """One patient: a stack of slices, its labels, and where both lie in space.

    Attributes
    ----------
    name : str
        Names the case's output folder.
    image : array
        Shape (z, y, x), float32, in the data's own unit.
    labels : array
        Shape (z, y, x), uint8; 0 is background.
    affine : array
        NIfTI affine (4, 4): voxel (x, y, z) to mm.
    raters : array or None
        Shape (n_raters, z, y, x), uint8: independent annotations, where there are any.
    header : nibabel header, optional
        That of the image's file.
    """

    name: str
    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    raters: npt.NDArray[np.uint8] | None = None
    header: Any = None


@dataclass(frozen=True)
class SplitSizes:
    """How many cases go where; `test` None takes all that are left."""

    train: int
    selection: int
    calibration: int
    test: int | None = None


@dataclass(frozen=True)
class CaseSplit:
    """Cases by what they may be used for.

    Weights are learnt on `train`, checkpoints chosen on `selection`, `calibration` is kept for whatever is
    fitted after training, and `test` is scored once.
    """

    train: tuple[Case, ...]
    selection: tuple[Case, ...]
    calibration: tuple[Case, ...]
    test: tuple[Case, ...]


def split_cases(cases: Sequence[Case], sizes: SplitSizes, seed: int) -> CaseSplit:
    """Shuffle the cases with `seed` and deal them out.

    Raises
    ------
    DataError
        There are too few cases to leave one for the test.
    """
    ends = np.cumsum([sizes.train, sizes.selection, sizes.calibration])
    n_test = len(cases) - int(ends[-1]) if sizes.test is None else sizes.test
    if n_test < 1 or ends[-1] + n_test > len(cases):
        raise DataError(
            f"cases must number {int(ends[-1]) + max(n_test, 1)} or more, got {len(cases)}; complete the data"
        )
    order = np.random.default_rng(seed).permutation(len(cases))[: ends[-1] + n_test]
    train, selection, calibration, test = (
        tuple(cases[i] for i in sorted(part)) for part in np.split(order, ends)
    )
    return CaseSplit(train, selection, calibration, test)
