"""Cells and the sizes of their pieces of surface, against MONAI's table and hand-made numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from monai.metrics.utils import get_code_to_measure_table

from ckpt_uq.kernels.surface import cell_codes, element_sizes
from strategies import masks


@pytest.mark.parametrize(
    "spacing", [(1.0, 1.0, 1.0), (1.0, 2.0, 3.0), (5.0, 0.7, 0.8), (0.3, 4.0, 0.3), (1.0, 1.0), (2.0, 0.7)]
)
def test_sizes_are_those_of_the_typed_table(spacing):
    typed, _ = get_code_to_measure_table(spacing)
    np.testing.assert_allclose(element_sizes(spacing), typed.numpy(), rtol=1e-6, atol=1e-6)


def test_sizes_by_hand():
    flat = element_sizes((3.0, 1.0, 1.0))
    assert flat[0b00001111] == pytest.approx(1.0)  # a face across the first axis
    assert flat[0b01010101] == pytest.approx(3.0)  # and one along it
    assert element_sizes((1.0, 1.0, 1.0))[1] == pytest.approx(math.sqrt(3) / 8)
    lengths = element_sizes((3.0, 4.0))[[0b0001, 0b0011, 0b0101, 0b0110]]
    assert lengths.tolist() == pytest.approx([2.5, 4.0, 3.0, 5.0])


def test_a_mask_and_its_complement_share_their_surface():
    for spacing in ((1.0, 2.0), (1.0, 2.0, 3.0)):
        sizes = element_sizes(spacing)
        np.testing.assert_allclose(sizes, sizes[::-1], rtol=1e-12)
        assert sizes[0] == sizes[-1] == 0


@given(masks(min_side=1, max_side=5))
def test_codes_name_the_corners(mask):
    padded = np.pad(mask, 1)
    codes = cell_codes(mask)
    assert codes.shape == tuple(n + 1 for n in mask.shape)
    for cell in np.ndindex(codes.shape):
        around = padded[tuple(slice(at, at + 2) for at in cell)].ravel()
        assert codes[cell] == int("".join("1" if bit else "0" for bit in around), 2)


def test_the_surface_of_a_box_tends_to_the_truth():
    mask = np.ones((40, 30, 20), bool)
    spacing = (0.5, 1.0, 2.0)
    area = element_sizes(spacing)[cell_codes(mask)].sum()
    a, b, c = (n * step for n, step in zip(mask.shape, spacing, strict=True))
    assert area == pytest.approx(2 * (a * b + a * c + b * c), rel=0.06)  # edges and corners are cut
