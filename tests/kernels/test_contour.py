"""Contour sizes against SciPy's and scikit-image's dilation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import generate_binary_structure

from ckpt_uq.kernels import blocks
from ckpt_uq.kernels.contour import bit_contours, contour_sizes, label_contours, threshold_contours
from reference.contour import contour_sizes_scipy, contour_sizes_skimage
from strategies import masks

CROSS_2D = generate_binary_structure(2, 1)[None]
SYMMETRIC = [CROSS_2D, np.ones((1, 3, 3), bool), np.ones((1, 5, 1), bool)] + [
    generate_binary_structure(3, connectivity) for connectivity in (1, 2, 3)
]
ELEMENTS = arrays(bool, st.tuples(*[st.integers(1, 4)] * 3)).filter(np.any)


@given(masks(min_side=1), ELEMENTS)
def test_any_element_as_scipy(mask, element):
    np.testing.assert_array_equal(contour_sizes(mask, element), contour_sizes_scipy(mask, element))


@pytest.mark.parametrize("element", SYMMETRIC)
@given(mask=masks(min_side=1))
def test_symmetric_elements_as_scikit_image(element, mask):
    np.testing.assert_array_equal(contour_sizes(mask, element), contour_sizes_skimage(mask, element))


@st.composite
def label_volumes(draw):
    """Labels in patches, so that many rows look alike, of widths around those that are read at once."""
    n_classes = draw(st.integers(1, 20))
    shape = (
        draw(st.integers(1, 4)),
        draw(st.integers(1, 9)),
        draw(st.sampled_from([1, 7, 64, 511, 513, 1030])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.full(shape, rng.integers(0, n_classes), np.uint8)
    for _ in range(draw(st.integers(0, 4))):
        corner = [slice(rng.integers(0, size), None) for size in shape]
        labels[tuple(corner)][: rng.integers(1, 4), : rng.integers(1, 4), : rng.integers(1, 600)] = (
            rng.integers(0, n_classes + 2)
        )
    return labels, n_classes


@given(label_volumes(), ELEMENTS)
def test_all_classes_at_once_as_scipy_one_by_one(volume, element):
    labels, n_classes = volume
    expected = [contour_sizes_scipy(labels == k, element) for k in range(n_classes)]
    np.testing.assert_array_equal(label_contours(labels, element, range(n_classes)), expected)
    bits = np.where(labels < 8, 1 << labels, 0).astype(np.uint8)
    n_bits = min(n_classes, 8)
    np.testing.assert_array_equal(bit_contours(bits, element, n_bits), expected[:n_bits])


@given(masks(min_side=1), masks(min_side=1), ELEMENTS)
def test_masks_that_overlap(mask, other, element):
    shape = tuple(map(min, mask.shape, other.shape))
    mask, other = (m[tuple(map(slice, shape))] for m in (mask, other))
    bits = (mask | other.astype(np.uint8) << 1).astype(np.uint8)
    expected = [contour_sizes_scipy(m, element) for m in (mask, other)]
    np.testing.assert_array_equal(bit_contours(bits, element, 2), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("element", SYMMETRIC)
def test_probabilities_are_cut_at_one_half(element, dtype):
    plane = np.random.default_rng(0).random((9, 70, 80)).astype(dtype)
    plane[3:6, 10:60] = 0.5  # not above
    for layout in (plane, plane.transpose(1, 0, 2)):
        expected = contour_sizes_scipy(layout > 0.5, element)
        np.testing.assert_array_equal(threshold_contours(layout, element), expected)


@pytest.mark.parametrize("n_classes", [256, 128])
def test_many_classes(n_classes):
    labels = np.random.default_rng(0).integers(0, 256, (2, 30, 40)).astype(np.uint8)
    expected = [contour_sizes_scipy(labels == k, CROSS_2D) for k in range(n_classes)]
    np.testing.assert_array_equal(label_contours(labels, CROSS_2D, range(n_classes)), expected)
    some = [1, n_classes - 1]
    np.testing.assert_array_equal(label_contours(labels, CROSS_2D, some), [expected[k] for k in some])


def test_the_ring_of_one_voxel_is_its_four_neighbours():
    mask = np.zeros((3, 5, 5), bool)
    mask[1, 2, 2] = True
    assert contour_sizes(mask, CROSS_2D).tolist() == [0, 4, 0]
    assert contour_sizes(mask, generate_binary_structure(3, 1)).tolist() == [1, 4, 1]


def test_the_ring_stands_outside_the_mask_and_does_not_wrap():
    # I - I* is negative, and in unsigned bytes 255 a voxel: a full slice would score as one huge contour
    full = np.ones((1, 4, 4), bool)
    half = full.copy()
    half[:, 2:] = False
    assert contour_sizes(full, CROSS_2D).tolist() == [0]
    assert contour_sizes(half, CROSS_2D).tolist() == [4]


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4), (3, 4, 0)])
def test_grids_without_extent(shape):
    assert contour_sizes(np.zeros(shape, bool), CROSS_2D).tolist() == [0] * shape[0]


@pytest.mark.parametrize("layout", ["transposed", "strided", "read-only"])
def test_any_memory_layout(layout):
    mask = np.random.default_rng(0).random((40, 70, 60)) < 0.4
    if layout == "transposed":
        mask = mask.transpose(1, 2, 0)
    elif layout == "strided":
        mask = mask[::-1, ::2]
    mask.flags.writeable = False
    np.testing.assert_array_equal(contour_sizes(mask, CROSS_2D), contour_sizes_scipy(mask, CROSS_2D))


def test_threads_do_not_show(monkeypatch):
    mask = np.random.default_rng(0).random((70, 90, 100)) < 0.3
    element = generate_binary_structure(3, 1)
    assert mask.size > 4 * blocks.BLOCK_VOXELS
    monkeypatch.setattr(blocks, "_pool", None)
    monkeypatch.setattr(blocks, "thread_count", lambda: 3)
    np.testing.assert_array_equal(contour_sizes(mask, element), contour_sizes_scipy(mask, element))
