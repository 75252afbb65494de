"""Maps of arrays: any kind, dtype, axis and memory layout in; the same kind out; helpful errors."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq import maps
from ckpt_uq.arrays import as_tensor
from ckpt_uq.errors import ArgumentError
from reference.entropy import binary_entropy_map, entropy_map
from strategies import distributions

TWINS = {
    maps.predictive_entropy: entropy_map,
    maps.class_entropy: lambda probs, class_axis=0: binary_entropy_map(probs),
    maps.max_softmax: lambda probs, class_axis=0: np.asarray(probs, np.float64).max(class_axis),
}
EVERY_MAP = pytest.mark.parametrize("function", TWINS)


@pytest.fixture(params=["host", "accelerator"])
def place(request, monkeypatch):
    """Compute on the host; then the way tensors on an accelerator go, on CPU tensors."""
    if request.param == "accelerator":
        monkeypatch.setattr(maps, "borrow", as_tensor)
        monkeypatch.setattr(maps, "borrow_bits", as_tensor)
    return request.param


def simple(n_classes=3, grid=(4, 5, 6), dtype=np.float32):
    probs = np.random.default_rng(1).dirichlet(np.full(n_classes, 0.4), grid).astype(dtype)
    return np.ascontiguousarray(np.moveaxis(probs, -1, 0))


@EVERY_MAP
@given(probs=distributions(min_side=1), data=st.data())
def test_a_map_is_its_definition_for_any_class_axis(function, probs, data):
    axis = data.draw(st.integers(-probs.ndim, probs.ndim - 1))
    moved = np.moveaxis(probs, 0, axis)
    got = function(moved, class_axis=axis)
    expected = TWINS[function](moved, class_axis=axis)
    assert got.dtype == (np.float64 if probs.dtype == np.float64 else np.float32)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


@EVERY_MAP
@pytest.mark.parametrize("step", [2, -1])
def test_any_memory_layout(function, step):
    probs = simple(grid=(9, 70, 300))
    for strided in (
        probs[:, ::step],
        probs[..., ::step],
        probs.transpose(0, 3, 1, 2),
        np.asfortranarray(probs),
    ):
        expected = function(np.ascontiguousarray(strided))
        np.testing.assert_array_equal(function(strided), expected)
        assert not strided.flags.c_contiguous


@EVERY_MAP
def test_the_order_of_classes_does_not_matter(function, place):
    probs = simple(4)
    order = [2, 0, 3, 1]
    expected = function(probs)[order] if function is maps.class_entropy else function(probs)
    np.testing.assert_allclose(function(probs[order]), expected, rtol=0, atol=1e-6)


@EVERY_MAP
@pytest.mark.parametrize("grid", [(), (0,), (3, 0, 2), (1, 1)])
def test_grids_without_extent(function, place, grid):
    probs = np.full((2, *grid), 0.5)
    got = function(probs)
    expected = {maps.predictive_entropy: 1.0, maps.class_entropy: 1.0, maps.max_softmax: 0.5}[function]
    assert got.shape == ((2, *grid) if function is maps.class_entropy else grid)
    assert np.all(got == expected)


def test_a_single_class_leaves_no_doubt(place):
    ones = np.ones((1, 4))
    assert maps.predictive_entropy(ones).tolist() == [0.0] * 4
    assert maps.max_softmax(ones).tolist() == [1.0] * 4


@EVERY_MAP
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_give_tensors(function, place, dtype):
    probs = torch.from_numpy(simple()).to(dtype).requires_grad_()
    got = function(probs)
    assert got.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not got.requires_grad
    expected = TWINS[function](probs.detach().double().numpy())
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-6)


def test_bfloat16_of_numpy():
    probs = simple().astype(ml_dtypes.bfloat16)
    got = maps.predictive_entropy(probs)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, entropy_map(probs.astype(np.float64)), rtol=0, atol=1e-6)


def test_foreign_byte_order():
    probs = simple()
    np.testing.assert_array_equal(
        maps.predictive_entropy(probs.astype(">f4")), maps.predictive_entropy(probs)
    )


@EVERY_MAP
@pytest.mark.parametrize("layout", ["contiguous", "strided"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_out_is_filled_and_returned(function, place, layout, kind):
    probs = simple()
    expected = function(probs)
    room = np.full((*expected.shape, 2), np.nan, np.float32)
    out = room[..., 1] if layout == "strided" else np.ascontiguousarray(room[..., 1])
    if kind == "torch":
        probs, out = torch.from_numpy(probs), torch.from_numpy(out)
    assert function(probs, out=out) is out
    np.testing.assert_allclose(np.asarray(out), expected, rtol=0, atol=1e-6)
    assert np.isnan(room[..., 0]).all()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            np.empty((4, 5, 7), np.float32),
            r"out must be float32 of shape \(4, 5, 6\), got float32 of shape \(4, 5, 7\)",
        ),
        (np.empty((4, 5, 6), np.float64), "out must be float32 .*got float64"),
        (torch.empty(4, 5, 6), "out must be of the kind of probs.*got Tensor for ndarray"),
        ([0.0], "out must be of the kind of probs.*got list"),
        (np.broadcast_to(np.float32(0), (4, 5, 6)), "out must be writable"),
    ],
)
def test_out_that_does_not_fit(out, message):
    with pytest.raises(ArgumentError, match=message):
        maps.predictive_entropy(simple(), out=out)


def test_out_that_would_be_read_while_written(place):
    memory = simple(3)
    with pytest.raises(ArgumentError, match="must not share memory"):
        maps.predictive_entropy(memory, out=memory[0])
    with pytest.raises(ArgumentError, match="must not share memory"):
        maps.class_entropy(torch.from_numpy(memory), out=torch.from_numpy(memory))


def test_out_for_a_kind_that_cannot_be_written():
    class Foreign:
        def __init__(self):
            self.array = simple()
            self.dtype, self.shape = self.array.dtype, self.array.shape

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

        def __array_namespace__(self):
            return np

    assert isinstance(maps.predictive_entropy(Foreign()), np.ndarray)
    with pytest.raises(ArgumentError, match="got ndarray for Foreign; leave it out"):
        maps.predictive_entropy(Foreign(), out=np.empty((4, 5, 6), np.float32))


def with_value(value):
    probs = simple()
    probs[1, 2, 3, 4] = value
    return probs


@pytest.mark.parametrize("function", [maps.predictive_entropy, maps.max_softmax])
def test_sums_other_than_one_are_refused(function, place):
    with pytest.raises(
        ArgumentError, match=r"probs must sum to 1 over axis 0, got sums in \[0\.5, 0\.5\]; pass softmax"
    ):
        function(simple() / 2)


def test_the_axis_named_is_the_one_given(place):
    with pytest.raises(ArgumentError, match="over axis -1, got sums"):
        maps.predictive_entropy(np.full((2, 3), 0.2), class_axis=-1)


@EVERY_MAP
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "probs must be numbers, got 1 NaN"),
        (-1e-3, r"probs must lie in \[0, 1\], got values in \[-0\.001"),
        (1.1, r"probs must lie in \[0, 1\].*, 1\.1\]; pass softmax output, not logits"),
        (math.inf, r"probs must lie in \[0, 1\].*inf\]"),
        (-math.inf, r"probs must lie in \[0, 1\].*\[-inf"),
    ],
)
def test_values_that_are_no_probabilities_are_refused(function, place, value, message):
    with pytest.raises(ArgumentError, match=message):
        function(with_value(value))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("off", "fits"), [(4e-3, True), (-4e-3, True), (7e-3, False), (-7e-3, False)])
def test_rounding_is_forgiven_within_the_tolerance(place, dtype, off, fits):
    probs = np.full((2, 5), (1 + off) / 2).astype(dtype)
    if fits:
        assert np.all(maps.predictive_entropy(probs) <= 1)
    else:
        with pytest.raises(ArgumentError, match="must sum to 1"):
            maps.predictive_entropy(probs)


def test_softmax_in_half_precision_stays_probability_when_kept_in_single(place):
    logits = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0)) * 2
    probs = logits.bfloat16().softmax(0).float()
    assert (probs.sum(0) - 1).abs().max() > 2e-3
    assert maps.predictive_entropy(probs).shape == (1000,)


def test_class_entropy_is_open_to_regions_that_overlap(place):
    regions = np.array([[1.0, 0.5], [0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_array_equal(maps.class_entropy(regions), [[0, 1], [1, 1], [0, 0]])


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.complex64, np.longdouble])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(
        ArgumentError, match=r"probs must be of a floating-point dtype.*got .*pass softmax output"
    ):
        maps.predictive_entropy(np.ones((1, 4), dtype))


@pytest.mark.parametrize("axis", [3, -4])
def test_an_axis_that_is_none(axis):
    with pytest.raises(
        ArgumentError, match=rf"class_axis must be an axis of probs, whose shape is \(2, 3, 4\), got {axis}"
    ):
        maps.predictive_entropy(np.full((2, 3, 4), 0.5), class_axis=axis)


def test_no_class_at_all():
    with pytest.raises(ArgumentError, match=r"probs must have a class, got shape \(0, 3\)"):
        maps.predictive_entropy(np.empty((0, 3)))
    with pytest.raises(ArgumentError, match="class_axis must be an axis"):
        maps.predictive_entropy(np.array(1.0))


def test_the_input_is_left_alone():
    probs = simple()
    probs.flags.writeable = False
    before = probs.copy()
    for function in TWINS:
        function(probs)
    np.testing.assert_array_equal(probs, before)
