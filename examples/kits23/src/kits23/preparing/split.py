"""Who is trained on, who is validated on, who is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ckpt_uq.errors import ArgumentError

TEST_CASES = {"paper": (400, 89), "benchmark": (367, 122)}
"""Cases to develop with and to test, of KiTS23's 489: the paper's, and the failure-detection benchmark's."""

N_FOLDS = 5

_FEWEST = 4


@dataclass(frozen=True)
class Split:
    """A split of cases.

    Attributes
    ----------
    folds : tuple of dict
        ``train`` and ``val`` of every fold, lists of names: what nnU-Net's splits_final.json holds.
    test : tuple of str
        Cases that no fold knows.
    """

    folds: tuple[dict[str, list[str]], ...]
    test: tuple[str, ...]

    @property
    def development(self) -> list[str]:
        """Cases of the folds."""
        return sorted({name for fold in self.folds for names in fold.values() for name in names})


def split_cases(names: Sequence[str], kind: str = "paper", seed: int = 0) -> Split:
    """Draw test cases, then folds, from all cases.

    Of 489 cases the paper's split tests 89 and has folds of 320 and 80. Other numbers have the same shares,
    but four test cases, or a third, at least: fewer cannot be ranked by their uncertainty.

    Parameters
    ----------
    names : sequence of str
        All cases; their order does not matter.
    kind : {'paper', 'benchmark'}
        Whose shares.
    seed : int
        Decides who is where.

    Raises
    ------
    ArgumentError
        There is no such kind, a name comes twice, or there are too few cases for five folds and a test.

    Examples
    --------
    >>> split = split_cases([f"case_{n}" for n in range(489)])
    >>> len(split.test), [(len(fold["train"]), len(fold["val"])) for fold in split.folds][:2]
    (89, [(320, 80), (320, 80)])
    """
    if kind not in TEST_CASES:
        raise ArgumentError(f"--split must be one of {', '.join(TEST_CASES)}, got {kind!r}")
    if len(set(names)) < len(names) or len(names) <= N_FOLDS:
        raise ArgumentError(f"cases must be different, more than {N_FOLDS}, got {len(names)}")
    developed, tested = TEST_CASES[kind]
    n_test = max(min(_FEWEST, len(names) // 3), round(len(names) * tested / (developed + tested)))
    n_test = min(n_test, len(names) - N_FOLDS)
    rng = np.random.default_rng(seed)
    order = [sorted(names)[index] for index in rng.permutation(len(names))]
    test, rest = order[:n_test], order[n_test:]
    parts = [sorted(rest[fold::N_FOLDS]) for fold in range(N_FOLDS)]
    folds = tuple({"train": sorted(set(rest) - set(part)), "val": part} for part in parts)
    return Split(folds, tuple(sorted(test)))
