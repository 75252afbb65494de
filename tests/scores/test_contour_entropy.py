"""The contour score against hand-made numbers, its naive twin, and what the released code got wrong."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import generate_binary_structure

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_entropy, contour_terms
from reference.contour import contour_sizes_scipy
from reference.entropy import binary_entropy_map, entropy_map


def predict(*planes, **options):
    """A prediction whose classes have these probabilities, each plane written as it looks."""
    return Prediction.from_probs(np.array(planes, np.float64), **options)


HALF, QUARTER, SURE = [0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.0, 1.0, 0.0]  # 1, 3/2 and 0 bits


def hand_made():
    """Two slices of 3 x 4 voxels, three classes; class 1 is above 1/2 where the voxel is SURE."""
    voxels = [
        [[HALF, SURE, HALF, QUARTER], [SURE, SURE, HALF, HALF], [HALF, QUARTER, HALF, HALF]],
        [[HALF, HALF, HALF, HALF], [HALF, HALF, HALF, SURE], [HALF, HALF, QUARTER, QUARTER]],
    ]
    return predict(*np.moveaxis(np.array(voxels), -1, 0))


@st.composite
def predictions(draw, ndim=3, n_classes=3):
    shape = draw(st.tuples(*[st.integers(1, 6)] * ndim))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(n_classes, draw(st.sampled_from([0.2, 1.0, 20.0]))), shape)
    return Prediction.from_probs(np.moveaxis(probs, -1, 0).astype(draw(st.sampled_from(["f4", "f8"]))))


def naive_slices(prediction, k, element, axis, *, mask="threshold", entropy="all"):
    """Entropy and contour of each slice, by the definition."""
    probs = np.asarray(prediction.mean_prob, np.float64)
    inside = probs[k] > 0.5 if mask == "threshold" else probs.argmax(0) == k
    bits = entropy_map(probs) if entropy == "all" else binary_entropy_map(probs[k])
    contour = contour_sizes_scipy(np.moveaxis(inside, axis, 0), element)
    return np.moveaxis(bits, axis, 0).sum((1, 2)), contour


def test_by_hand():
    # slice 0: 7 HALF and 2 QUARTER voxels are 10 bits; the ring around 3 voxels of class 1 has 5
    # slice 1: 9 HALF and 2 QUARTER voxels are 12 bits; the ring around 1 voxel at the border has 3
    terms = contour_terms(hand_made(), 1)
    assert terms.entropy_bits.tolist() == [10, 12]
    assert terms.contour_voxels.tolist() == [5, 3]
    assert [Fraction(score) for score in terms.slices] == [Fraction(10, 5), Fraction(12, 3)]
    assert terms.volume == float(Fraction(10 + 12, 5 + 3))
    assert contour_entropy(hand_made(), 1) == terms.volume


@given(predictions(), st.integers(0, 2), st.integers(-3, 2), st.booleans(), st.booleans())
def test_in_plane_as_the_naive_twin(prediction, k, axis, by_class, by_argmax):
    options = {"entropy": "class" if by_class else "all", "mask": "argmax" if by_argmax else "threshold"}
    terms = contour_terms(prediction, k, slice_axis=axis, **options)
    bits, contour = naive_slices(prediction, k, generate_binary_structure(2, 1)[None], axis, **options)
    np.testing.assert_allclose(terms.entropy_bits, bits, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(terms.contour_voxels, contour)


@given(predictions(), st.integers(0, 2), st.integers(-3, 2))
def test_in_three_dimensions_as_the_naive_twin(prediction, k, axis):
    terms = contour_terms(prediction, k, ndim=3, slice_axis=axis)
    _, contour = naive_slices(prediction, k, generate_binary_structure(3, 1), axis)
    np.testing.assert_array_equal(terms.contour_voxels, contour)


@given(predictions(), st.integers(0, 2))
def test_an_element_keeps_the_axes_of_the_grid(prediction, axis):
    element = np.zeros((3, 3, 3))
    element[0, 1, 1] = 1  # one step along the grid's axis 0, wherever the slices lie
    terms = contour_terms(prediction, 0, ndim=3, element=element, slice_axis=axis)
    inside = prediction.mean_prob[0] > 0.5
    ahead = np.zeros_like(inside)
    ahead[:-1] = inside[1:]
    others = tuple({0, 1, 2} - {axis})
    np.testing.assert_array_equal(terms.contour_voxels, (ahead & ~inside).sum(others))


@given(predictions(ndim=2), st.integers(0, 2))
def test_an_image_is_a_volume_of_one_slice(prediction, k):
    image = contour_terms(prediction, k)
    volume = contour_terms(Prediction.from_probs(prediction.mean_prob[:, None]), k)
    np.testing.assert_array_equal(image.contour_voxels, volume.contour_voxels)
    np.testing.assert_array_equal(image.entropy_bits, volume.entropy_bits)


@given(predictions(), st.permutations(range(3)))
def test_the_order_of_classes_does_not_matter(prediction, order):
    shuffled = Prediction.from_probs(prediction.mean_prob[order])
    for new, old in enumerate(order):
        got, expected = contour_entropy(shuffled, new), contour_entropy(prediction, old)
        assert got == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_an_empty_mask_has_no_score():
    empty = contour_terms(predict(np.full((2, 3, 3), 0.6), np.full((2, 3, 3), 0.4)), 1)
    assert empty.contour_voxels.tolist() == [0, 0]
    assert math.isnan(empty.volume)
    assert np.isnan(empty.slices).all()


def test_a_mask_that_fills_its_slice_has_no_contour_rather_than_an_infinite_score():
    full = contour_terms(predict(np.full((1, 3, 3), 0.4), np.full((1, 3, 3), 0.6)), 1)
    assert full.entropy_bits[0] > 0
    assert math.isnan(full.volume)
    assert np.isnan(full.slices).all()


def test_slices_without_a_mask_still_count_in_the_volume():
    inside = np.zeros((2, 3, 3))
    inside[0, 1, 1] = 1.0
    inside[1] = 0.5
    terms = contour_terms(predict(1 - inside, inside), 1)
    assert terms.slices[0] == 0.0
    assert math.isnan(terms.slices[1])
    assert terms.volume == Fraction(9, 4)


def test_a_contour_voxel_counts_once_not_minus_one_nor_255_times():
    # I - I* is -1 on the contour, and 255 in unsigned bytes
    inside = np.zeros((1, 9, 9))
    inside[0, 3:6, 3:6] = 1.0
    inside[0, 0, 0] = 0.5
    assert contour_entropy(predict(1 - inside, inside), 1) == 1 / 12


def test_the_class_decides_the_mask_and_its_own_entropy():
    both = contour_terms(hand_made(), 1), contour_terms(hand_made(), 1, entropy="class")
    np.testing.assert_array_equal(both[0].contour_voxels, both[1].contour_voxels)
    quarter = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    np.testing.assert_allclose(both[1].entropy_bits, [7 + 2 * quarter, 9 + 2 * quarter])


def test_half_is_not_above_half_but_may_be_the_most_probable():
    inside = np.full((1, 3, 3), 0.3)
    inside[0, 1, 1] = 0.4
    prediction = predict(inside, (1 - inside) / 2, (1 - inside) / 2)
    assert math.isnan(contour_entropy(prediction, 0))
    assert contour_terms(prediction, 0, mask="argmax").contour_voxels.tolist() == [4]


def test_settings_are_recorded_and_plain():
    terms = contour_terms(hand_made(), 1, entropy="class", slice_axis=-1)
    assert json.loads(json.dumps(terms.settings)) == {
        "entropy": "class",
        "mask": "threshold",
        "ndim": 2,
        "slice_axis": 2,
        "element": [[0, 1, 0], [1, 1, 1], [0, 1, 0]],
    }


def test_tensors_score_like_arrays():
    probs = hand_made().mean_prob
    assert contour_entropy(Prediction.from_probs(torch.from_numpy(probs)), 1) == contour_entropy(
        hand_made(), 1
    )


def test_regions_score_by_their_own_threshold():
    regions = np.zeros((2, 5, 5))
    regions[0, 1:4, 1:4] = 1.0
    regions[1, 2, 2] = 0.75
    prediction = predict(*regions, outputs="regions")
    bits = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert contour_entropy(prediction, 0) == pytest.approx(bits / 12)
    assert contour_entropy(prediction, 1) == pytest.approx(bits / 4)
    with pytest.raises(ArgumentError, match="mask='argmax' needs classes, got regions"):
        contour_entropy(prediction, 1, mask="argmax")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_index": 3}, r"class_index must lie in \[0, 3\), got 3"),
        ({"class_index": -1}, "class_index must be an integer >= 0, got -1"),
        ({"class_index": 1, "entropy": "binary"}, r"entropy must be one of \('all', 'class'\), got 'binary'"),
        (
            {"class_index": 1, "mask": "softmax"},
            r"mask must be one of \('threshold', 'argmax'\), got 'softmax'",
        ),
        ({"class_index": 1, "ndim": 1}, r"ndim must be one of \(2, 3\), got 1"),
        ({"class_index": 1, "slice_axis": 3}, "slice_axis must be .* the axis of a 3D grid .*got 3"),
        ({"class_index": 1, "slice_axis": 0.5}, r"slice_axis must be an integer in \[-3, 3\), .*got 0.5"),
        ({"class_index": 1, "element": np.ones((3, 3, 3))}, r"element must have 2 dimensions.*\(3, 3, 3\)"),
        ({"class_index": 1, "element": np.zeros((3, 3))}, r"and a voxel set, got shape \(3, 3\) with 0 set"),
    ],
)
def test_arguments_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        contour_entropy(hand_made(), **options)


@pytest.mark.parametrize(("grid", "ndim"), [((5,), 2), ((4, 4), 3), ((2, 2, 2, 2), 2)])
def test_grids_of_the_wrong_dimension(grid, ndim):
    with pytest.raises(ArgumentError, match=f"grid of {ndim} to 3 dimensions"):
        contour_entropy(predict(*np.full((2, *grid), 0.5)), 1, ndim=ndim)


def test_an_array_is_no_prediction():
    with pytest.raises(ArgumentError, match=r"must be a Prediction, got ndarray; wrap .*from_probs"):
        contour_entropy(np.full((2, 3, 3), 0.5), class_index=1)


@pytest.mark.parametrize("class_index", [2, -1, 0.5])
def test_a_class_that_is_none_is_named(class_index):
    with pytest.raises(ArgumentError, match=f"class_index must .*got {class_index}"):
        contour_entropy(Prediction.from_probs(np.full((2, 3, 3), 0.5)), class_index=class_index)
