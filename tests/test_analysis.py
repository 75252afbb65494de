"""The fused analysis against its naive twin, and against the functions that do one thing each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ckpt_uq as uq
from ckpt_uq import analysis
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels import analysis as kernel
from ckpt_uq.kernels import blocks
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_terms
from reference import bins as exact
from reference.analysis import analysis as naive
from reference.contour import contour_sizes_scipy

CONTOURS = st.sampled_from(["threshold", "argmax"])


@st.composite
def volumes(draw, min_ndim=1, dtypes=("float32", "float64", "float16"), max_side=7):
    """Probabilities from blurred to nearly certain, with ties, and labels with an ignored one."""
    shape = tuple(draw(st.lists(st.integers(1, max_side), min_size=min_ndim, max_size=3)))
    n_classes = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(n_classes, draw(st.sampled_from([0.01, 0.2, 5.0]))), shape)
    probs[rng.random(shape) < 0.2] = np.eye(n_classes)[0]
    probs[rng.random(shape) < 0.1] = (np.eye(n_classes)[0] + np.eye(n_classes)[-1]) / 2
    labels = rng.integers(0, n_classes, shape)
    labels = np.where(rng.random(shape) < 0.5, probs.argmax(-1), labels)
    return np.moveaxis(probs, -1, 0).astype(draw(st.sampled_from(dtypes))), labels


def close(found, expected, n_bins):
    np.testing.assert_allclose(found.entropy, expected["entropy"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.segmentation, expected["segmentation"])
    np.testing.assert_allclose(found.entropy_bits, expected["entropy_bits"], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found.contour_voxels, expected["contour_voxels"])
    np.testing.assert_array_equal(found.confusion, expected["confusion"])
    assert found.bins.reliability().count.tolist() == [b.count for b in expected["bins"]]
    assert found.bins.n_bins == n_bins
    if found.bins.n_samples:
        assert found.bins.ece() == pytest.approx(float(exact.ece(expected["bins"])), abs=1e-14)


@given(volumes(), st.integers(1, 20), CONTOURS, st.data())
def test_in_plane_as_the_naive_twin(volume, n_bins, contour, data):
    probs, labels = volume
    axis = data.draw(st.integers(0, labels.ndim - 1 if labels.ndim == 3 else 0))
    element = data.draw(st.sampled_from([None, np.ones((3, 3)), np.ones((1, 4))]))
    found = uq.analyze(probs, labels, n_bins=n_bins, contour=contour, slice_axis=axis, element=element)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]) if element is None else element
    inside = np.ones(labels.shape, bool)
    close(found, naive(probs, labels, inside, n_bins, contour, cross[None], axis), n_bins)


@given(volumes(min_ndim=3), CONTOURS, st.integers(-3, 2))
def test_in_three_dimensions_as_the_naive_twin(volume, contour, axis):
    probs, labels = volume
    rng = np.random.default_rng(labels.size)
    mask, ignored = rng.random(labels.shape) < 0.7, 250
    labels = np.where(rng.random(labels.shape) < 0.2, ignored, labels).astype(np.uint8)
    found = uq.analyze(
        probs, labels, mask=mask, ignore_label=ignored, contour=contour, ndim=3, slice_axis=axis
    )
    cross = np.abs(np.indices((3, 3, 3)) - 1).sum(0) <= 1
    inside = mask & (labels != ignored)
    close(found, naive(probs, labels, inside, 15, contour, cross, axis), 15)


@pytest.mark.parametrize("contour", ["threshold", "argmax"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_as_the_functions_that_do_one_thing_each(ndim, contour):
    rng = np.random.default_rng(0)
    probs = np.moveaxis(rng.dirichlet([0.1, 0.2, 0.3, 0.1], (21, 90, 83)), -1, 0).astype(np.float32)
    labels = rng.integers(0, 4, probs.shape[1:]).astype(np.uint8)
    found = uq.analyze(probs, labels, ndim=ndim, contour=contour)
    prediction = Prediction.from_probs(probs)
    bins = uq.CalibrationBins()
    bins.update(probs, labels)
    np.testing.assert_array_equal(found.entropy, prediction.predictive_entropy)
    np.testing.assert_array_equal(found.segmentation, prediction.segmentation)
    np.testing.assert_array_equal(found.bins.reliability().count, bins.reliability().count)
    assert found.bins.ece() == pytest.approx(bins.ece(), abs=1e-14)
    dice = uq.evaluation.dice_per_class(prediction.segmentation, labels, 4)
    np.testing.assert_array_equal(found.dice, dice)
    for k in range(4):
        expected, got = contour_terms(prediction, k, ndim=ndim, mask=contour), found.contour_terms(k)
        np.testing.assert_array_equal(got.contour_voxels, expected.contour_voxels)
        np.testing.assert_allclose(got.entropy_bits, expected.entropy_bits, rtol=1e-9)
        assert got.settings == expected.settings


@pytest.mark.parametrize("contour", ["threshold", "argmax"])
@pytest.mark.parametrize("grid", [(400, 1100), (1, 700, 500), (300_000,)])
@pytest.mark.parametrize("kind", ["whole", "gaps", "half"])
def test_a_slice_that_is_alone_is_looked_at_in_parts(kind, grid, contour):
    rng = np.random.default_rng(3)
    probs = np.moveaxis(rng.dirichlet([0.1] * 10, grid), -1, 0).astype(np.float32)
    labels, mask = rng.integers(0, 10, grid).astype(np.uint8), rng.random(grid) < 0.7
    if kind == "gaps":
        probs, labels, mask = probs[..., ::2], labels[..., ::2], mask[..., ::2]
    if kind == "half":
        probs = probs.astype(np.float16)
    found = uq.analyze(probs, labels, mask=mask, contour=contour)
    bins, prediction = uq.CalibrationBins(), Prediction.from_probs(probs)
    bins.update(probs, labels, mask=mask)
    np.testing.assert_array_equal(found.entropy, prediction.predictive_entropy)
    np.testing.assert_array_equal(found.segmentation, prediction.segmentation)
    np.testing.assert_allclose(found.entropy_bits, found.entropy.sum(dtype=np.float64), rtol=1e-12)
    np.testing.assert_array_equal(found.bins.reliability().count, bins.reliability().count)
    np.testing.assert_array_equal(np.diag(found.confusion), hits_of(found.segmentation, labels, mask))
    masks = np.stack([found.segmentation == k if contour == "argmax" else probs[k] > 0.5 for k in range(10)])
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)[None]
    for k in (0, 9):
        slices = masks[k].reshape((1,) * (3 - labels.ndim) + labels.shape)
        assert found.contour_voxels[k].tolist() == contour_sizes_scipy(slices, cross).tolist()


def hits_of(segmentation, labels, mask):
    return np.bincount(labels[mask & (segmentation == labels)], minlength=10)


def test_layouts_and_kinds_do_not_show():
    rng = np.random.default_rng(1)
    probs = np.moveaxis(rng.dirichlet([0.3] * 3, (9, 20, 30)), -1, 0).astype(np.float32)
    labels = rng.integers(0, 3, (9, 20, 30))
    expected = uq.analyze(np.ascontiguousarray(probs), labels)
    for given_probs, truth in (
        (probs, labels.astype(np.int16)),
        (np.asfortranarray(probs), np.asfortranarray(labels)),
        (torch.from_numpy(probs), torch.from_numpy(labels)),
    ):
        found = uq.analyze(given_probs, truth)
        assert type(found.entropy) is type(given_probs) is type(found.segmentation)
        np.testing.assert_array_equal(found.segmentation, expected.segmentation)
        np.testing.assert_array_equal(found.entropy, expected.entropy)
        np.testing.assert_array_equal(found.contour_voxels, expected.contour_voxels)
        np.testing.assert_array_equal(found.confusion, expected.confusion)
        assert found.bins.ece() == expected.bins.ece()


@pytest.mark.parametrize("grid", [(9, 200, 210), (400, 1100), (1, 700, 500), (5, 1, 80_000), (300_000,)])
def test_threads_do_not_show(grid, monkeypatch):
    rng = np.random.default_rng(2)
    probs = np.moveaxis(rng.dirichlet([0.1] * 4, grid), -1, 0).astype(np.float32)
    labels = rng.integers(0, 4, probs.shape[1:]).astype(np.uint8)
    results = set()
    for count in (1, 2, 4):
        monkeypatch.setattr(blocks, "_pool", None)
        monkeypatch.setattr(blocks, "thread_count", lambda count=count: count)
        found = uq.analyze(probs, labels, ndim=min(3, len(grid)) if len(grid) > 1 else 2)
        arrays = (
            found.entropy,
            found.segmentation,
            found.entropy_bits,
            found.contour_voxels,
            found.confusion,
        )
        results.add(b"".join(a.tobytes() for a in (*arrays, found.bins.reliability().confidence)))
    assert len(results) == 1


@pytest.mark.parametrize("contour", ["threshold", "argmax"])
@pytest.mark.parametrize("n_classes", [3, 11])
def test_batches_of_slices_do_not_show(n_classes, contour, monkeypatch):
    rng = np.random.default_rng(3)
    shape = (13, 30, 40)
    probs = np.moveaxis(rng.dirichlet([0.1] * n_classes, shape), -1, 0).astype(np.float32)
    labels = rng.integers(0, n_classes, shape)
    monkeypatch.setattr(analysis, "_maps", None)  # all of it is found in one pass
    for element in (np.ones((3, 3, 3)), np.ones((4, 1, 2)), np.ones((7, 1, 1)), np.ones((1, 2, 1))):
        whole = uq.analyze(probs, labels, ndim=3, contour=contour, element=element)
        for size in (1, 3 * 30 * 40, 5 * 2 * 30 * 40):
            monkeypatch.setattr(kernel, "_BATCH_BYTES", size)
            found = uq.analyze(probs, labels, ndim=3, contour=contour, element=element)
            np.testing.assert_array_equal(found.contour_voxels, whole.contour_voxels)
            np.testing.assert_array_equal(found.entropy_bits, whole.entropy_bits)
            np.testing.assert_array_equal(found.segmentation, whole.segmentation)
            np.testing.assert_array_equal(found.confusion, whole.confusion)
        monkeypatch.undo()
        monkeypatch.setattr(analysis, "_maps", None)
        expected = [contour_sizes_scipy(regions, element) for regions in _regions(probs, contour)]
        np.testing.assert_array_equal(whole.contour_voxels, expected)


def _regions(probs, contour):
    return probs > 0.5 if contour == "threshold" else [probs.argmax(0) == k for k in range(len(probs))]


def test_masks_and_ignored_labels_that_leave_a_chunk_half_full():
    rng = np.random.default_rng(4)
    probs = np.moveaxis(rng.dirichlet([0.1, 0.2, 0.3], (2, 70, 90)), -1, 0).astype(np.float32)
    labels = np.where(rng.random((2, 70, 90)) < 0.7, probs.argmax(0), 200).astype(np.uint8)
    mask = np.zeros((2, 70, 90), bool)
    mask[:, 10:33, 5:60] = True
    found = uq.analyze(probs, labels, mask=mask, ignore_label=200, maps=False)
    inside = mask & (labels != 200)
    bins = uq.CalibrationBins()
    bins.update(probs.astype(np.float64), labels, mask=inside)
    assert found.bins.n_samples == inside.sum() == found.confusion.sum()
    assert found.bins.ece() == pytest.approx(bins.ece(), abs=1e-14)
    np.testing.assert_array_equal(found.confusion, np.diag(np.bincount(labels[inside], minlength=3)))


def test_out_is_filled_and_maps_can_be_left_out():
    probs = np.full((3, 4, 5), 1 / 3, np.float32)
    out = np.empty((4, 5), np.float32), np.empty((4, 5), np.uint8)
    found = uq.analyze(probs, out=out)
    assert found.entropy is out[0]
    assert found.segmentation is out[1]
    assert out[1].tolist() == [[0] * 5] * 4
    np.testing.assert_allclose(out[0], np.log2(3), atol=1e-6)
    bare = uq.analyze(probs, maps=False)
    assert (bare.entropy, bare.segmentation, bare.bins, bare.confusion) == (None, None, None, None)
    np.testing.assert_array_equal(bare.entropy_bits, found.entropy_bits)
    with pytest.raises(ArgumentError, match="dice needs labels"):
        _ = bare.dice
    with pytest.raises(ArgumentError, match=r"class_index must lie in \[0, 3\), got 3"):
        bare.contour_terms(3)


HALVES = np.full((2, 3, 4), 0.5, np.float32)
TRUTH = np.zeros((3, 4), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probs": TRUTH}, "probs must be of a floating-point dtype"),
        ({"probs": HALVES * 2}, "probs must sum to 1 over axis 0"),
        ({"probs": HALVES * np.float32(np.nan)}, "probs must be numbers, got 24 NaN"),
        ({"probs": HALVES[None, None]}, "probs must have shape"),
        ({"ndim": 3}, "grid of 3 to 3 dimensions for ndim=3"),
        ({"ndim": 4}, "ndim must be one of"),
        ({"slice_axis": 1}, "slice_axis must be an integer in"),
        ({"slice_axis": 0.5}, "slice_axis must be an integer in"),
        ({"contour": "otsu"}, "contour must be one of"),
        ({"element": np.ones(3)}, "element must have 2 dimensions"),
        ({"labels": TRUTH[1:]}, r"labels must be integers on a grid of shape \(3, 4\)"),
        ({"labels": TRUTH + 2}, r"labels must lie in \[0, 2\), got labels in \[2, 2\]"),
        ({"labels": TRUTH, "mask": TRUTH}, "mask must be boolean"),
        ({"mask": TRUTH > 0}, "mask and ignore_label choose among labels"),
        ({"labels": TRUTH, "n_bins": 0}, "n_bins must be an integer >= 1"),
        ({"out": (np.empty((3, 4), np.float64), TRUTH.copy())}, "out must be float32"),
        ({"out": (np.empty((3, 4), np.float32), TRUTH.astype(int))}, "the segmentation, must be uint8"),
    ],
)
def test_what_does_not_fit_is_said(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        uq.analyze(**{"probs": HALVES, **arguments})
