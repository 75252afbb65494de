"""One simulated patient as a case: what the scanner saw and what three annotators drew."""

from __future__ import annotations

import numpy as np

from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.phantom.anatomy import draw_anatomy
from ckpt_uq.demo.phantom.blob import PhantomGrid
from ckpt_uq.demo.phantom.raters import annotate, majority
from ckpt_uq.demo.phantom.render import render, scan

N_RATERS = 3


def phantom_case(index: int, seed: int = 0, grid: PhantomGrid | None = None) -> Case:
    """Case `index` of the phantom with this seed; labels 0..3 are background, kidney, tumour, cyst.

    Parameters
    ----------
    index, seed : int
        Together they decide every voxel.
    grid : PhantomGrid, optional
        Default 4 slices of 72 x 96 pixels, 6 x 4 x 4 mm.

    Returns
    -------
    Case
        Image in HU; `labels` is the annotators' majority.

    Examples
    --------
    >>> case = phantom_case(0)
    >>> case.image.shape, case.raters.shape
    ((4, 72, 96), (3, 4, 72, 96))
    """
    grid = grid or PhantomGrid()
    rng = np.random.default_rng([seed, index])
    anatomy = draw_anatomy(rng)
    hu, structures = render(anatomy, grid, rng)
    raters = annotate(structures, grid, N_RATERS, rng)
    return Case(
        name=f"phantom_{index:03d}",
        image=scan(hu, grid, rng),
        labels=majority(raters),
        affine=grid.affine(),
        raters=raters,
    )


def phantom_cases(n: int, seed: int = 0, grid: PhantomGrid | None = None) -> list[Case]:
    """The first `n` cases of the phantom with this seed."""
    return [phantom_case(index, seed, grid) for index in range(n)]
