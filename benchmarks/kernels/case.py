"""The arrays that every task is measured on: one case like a CT of a kidney, made from a seed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

KEPT = "KERNELS_CASES"
"""Variable of the environment: a folder where arrays are kept for the processes that come after."""
GRID = (64, 512, 512)
N_CLASSES = 4


@dataclass(frozen=True)
class Case:
    """Nested balls of the classes, seen by members that differ a little.

    As in a CT most voxels lie far from any border and have a probability that is 0 or 1 but for rounding.

    Parameters
    ----------
    grid : tuple of int
        The spatial shape.
    n_classes : int
        C, background included.
    n_members : int
        How many members there are; their logits are made from three.
    copies : int
        How often the same voxels follow each other along the first axis, to make what is big.
    """

    grid: tuple[int, ...] = GRID
    n_classes: int = N_CLASSES
    n_members: int = 9
    copies: int = 1

    @property
    def n_voxels(self) -> int:
        """Voxels of the grid."""
        return int(np.prod(self.grid))

    @cached_property
    def logits(self) -> list[Array]:
        """Logits (C, *S) of three members, float32."""
        return [self._kept(f"logits{seed}", lambda seed=seed: self._logits(seed)) for seed in range(3)]

    @cached_property
    def probs(self) -> Array:
        """Probabilities (C, *S) of the first member, float32."""
        return self._kept("probs", lambda: softmax(self._logits(0)))

    @cached_property
    def labels(self) -> Array:
        """The truth, uint8."""
        return self._kept("labels", lambda: self._logits(10).argmax(0).astype(np.uint8))

    @cached_property
    def segmentation(self) -> Array:
        """The likeliest class, uint8."""
        return self._kept("segmentation", lambda: self.probs.argmax(0).astype(np.uint8))

    @cached_property
    def entropy(self) -> Array:
        """Where an entropy map is written, float32; its memory is there before."""
        return np.full(self.grid, np.nan, np.float32)

    def members(self) -> Iterator[Array]:
        """The logits of every member in turn."""
        for index in range(self.n_members):
            yield self.logits[index % len(self.logits)]

    def _kept(self, name: str, make: Callable[[], Array]) -> Array:
        if self.copies > 1:
            once = replace(self, grid=(self.grid[0] // self.copies, *self.grid[1:]), copies=1)
            array = getattr(once, name)
            return np.concatenate([array] * self.copies, axis=array.ndim - len(self.grid))
        folder = os.environ.get(KEPT)
        if folder is None:
            return make()
        path = Path(folder) / f"{name}_{self.n_classes}_{'_'.join(map(str, self.grid))}.npy"
        if not path.exists():
            np.save(path, make())
        kept: Array = np.load(path)
        return kept

    def _logits(self, seed: int) -> Array:
        rng = np.random.default_rng(seed)
        axes = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in self.grid)]
        radius = np.sqrt(sum(axis**2 for axis in axes)).astype(np.float32)
        radius += 0.01 * rng.standard_normal(self.grid, dtype=np.float32)
        edges = np.linspace(0.8, 0.2, self.n_classes - 1) + rng.normal(0, 0.01, self.n_classes - 1)
        logits = np.empty((self.n_classes, *self.grid), np.float32)
        logits[0] = 0
        for index, edge in enumerate(edges, 1):  # each inner class adds what lies inside its edge
            np.clip(rng.uniform(30, 60) * (edge - radius), -18, 18, out=logits[index])
            logits[index] += logits[index - 1]
        return logits


def softmax(logits: Array) -> Array:
    """Probabilities over the first axis, float32, without a second copy of the logits."""
    probs = logits - logits.max(0)
    np.exp(probs, out=probs)
    probs /= probs.sum(0)
    return probs
