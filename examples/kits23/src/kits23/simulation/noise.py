"""What the scanner adds: noise, correlated over neighbouring pixels as a soft-tissue kernel leaves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from ckpt_uq.demo.phantom.blob import Floats

KERNEL_MM = 0.44
"""Width of the kernel in the plane.

With it neighbouring pixels correlate as in the real slices of KiTS: 0.6 at 0.44 mm, 0.4 at 0.68 mm, 0.2 at
0.87 mm.
"""

_RAMP = 0.35
_RAMP_WIDTH = 2.2
"""The ramp filter of the reconstruction takes away slow waves: at 2 pixels the correlation is faintly < 0."""

_NEIGHBOUR = 0.105
"""Share of the neighbouring slice's noise, for a correlation of 0.2 between slices."""


def scanner_noise(
    seed: Sequence[int], shape: tuple[int, int], spacing_mm: Sequence[float], start: int, stop: int
) -> Iterator[Floats]:
    """Noise of unit variance for the slices from `start` to `stop`, one after the other.

    Every slice's numbers are drawn on their own, so it does not matter where a volume is cut.

    Parameters
    ----------
    seed : sequence of int
        Decides the whole volume's noise.
    shape : tuple of int
        Rows and columns of a slice.
    spacing_mm : sequence of float
        Of rows and columns.

    Examples
    --------
    >>> _, second = scanner_noise([0], (64, 64), (0.7, 0.7), 0, 2)
    >>> (again,) = scanner_noise([0], (64, 64), (0.7, 0.7), 1, 2)
    >>> bool(np.array_equal(second, again))
    True
    """
    sigma = [KERNEL_MM / step for step in spacing_mm]
    norm = _norm(sigma) * np.sqrt(1 + 2 * _NEIGHBOUR**2)
    before, here = (_white(seed, index, shape) for index in (start - 1, start))
    for index in range(start, stop):
        after = _white(seed, index + 1, shape)
        mixed = here + np.float32(_NEIGHBOUR) * (before + after)
        yield np.asarray(_kernel(mixed, sigma) / norm, np.float32)
        before, here = here, after


def _white(seed: Sequence[int], index: int, shape: tuple[int, int]) -> Floats:
    return np.random.default_rng([*seed, index + 1]).standard_normal(shape, dtype=np.float32)


def _kernel(noise: Floats, sigma: Sequence[float]) -> Floats:
    sharp = gaussian_filter(noise, sigma, mode="wrap")
    slow = gaussian_filter(noise, [_RAMP_WIDTH * width for width in sigma], mode="wrap")
    return np.asarray(sharp - np.float32(_RAMP) * slow)


def _norm(sigma: Sequence[float]) -> float:
    """Norm of the kernel: the standard deviation that it leaves of white noise."""
    impulse = np.zeros((65, 65), np.float32)
    impulse[32, 32] = 1
    return float(np.linalg.norm(_kernel(impulse, sigma)))
