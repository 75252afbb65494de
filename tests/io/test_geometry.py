"""Two grids are in the same place, or it is said in what they differ."""

from __future__ import annotations

import numpy as np
import pytest

from ckpt_uq.io.geometry import Geometry

CT = np.diag([-0.78, -0.78, 3.0, 1.0])


def test_rounding_of_headers_is_no_difference():
    here = Geometry((300, 512, 512), CT)
    assert (
        here.difference(Geometry((300, 512, 512), CT.astype(np.float32).astype(float) * (1 + 1e-7))) is None
    )


@pytest.mark.parametrize(
    ("row", "column", "by"), [(0, 3, 0.1), (0, 0, 1e-3), (2, 2, -1e-3), (1, 0, 1e-3)], ids=str
)
def test_another_place_is_told_with_both_values(row, column, by):
    other = CT.copy()
    other[row, column] += by
    told = Geometry((30, 64, 64), CT).difference(Geometry((30, 64, 64), other))
    assert told is not None
    assert str(round(other[row, column], 4)) in told
    assert "affine [[-0.78, 0.0, 0.0, 0.0]" in told


def test_a_mirrored_grid_is_elsewhere():
    assert Geometry((3, 4, 5), CT).difference(Geometry((3, 4, 5), np.diag([0.78, -0.78, 3, 1]))) is not None


@pytest.mark.parametrize(
    ("order", "axis"),
    [((0, 1, 2), 0), ((2, 1, 0), 2), ((0, 2, 1), 1)],
    ids=["axial last in the file", "axial first in the file", "coronal"],
)
def test_axial_axis_is_the_one_along_the_body(order, axis):
    affine = np.eye(4)
    affine[:3, :3] = np.diag([-0.8, 0.8, -3.0])[:, list(order)]
    assert Geometry((3, 4, 5), affine).axial_axis == axis


def test_axial_axis_goes_by_direction_not_by_spacing():
    thin = np.diag([0.9, 0.9, 0.5, 1.0])
    assert Geometry((3, 4, 5), thin).axial_axis == 0
