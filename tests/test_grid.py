from __future__ import annotations

import math

import pytest

from ckpt_uq.errors import ArgumentError
from ckpt_uq.grid import as_spacing, require_length


def test_without_spacing_voxels_count():
    assert as_spacing(None, 3) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, math.nan, 1.0)])
def test_what_is_no_spacing_is_refused(spacing):
    with pytest.raises(ArgumentError, match="spacing must be 3 positive numbers in mm, in the order"):
        as_spacing(spacing, 3)


@pytest.mark.parametrize("length", [0.0, -1.0, math.inf, math.nan])
def test_what_is_no_length_is_refused(length):
    with pytest.raises(ArgumentError, match=f"width must be a positive length in mm, got {length}"):
        require_length(length, "width")
