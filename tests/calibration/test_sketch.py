"""The sketch counts like the bins do, merges, and refuses what makes no sense."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_uq.calibration.adaptive import ace
from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.calibration.brier import brier
from ckpt_uq.calibration.kolmogorov_smirnov import ks_error
from ckpt_uq.calibration.sketch import CalibrationSketch
from ckpt_uq.calibration.smooth import smooth_ece
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels import blocks
from ordered_samples import samples, segmentation_like, sketched

KINDS = pytest.mark.parametrize("kind", ["top_label", "class_wise"])


def results(sketch):
    return [ace(sketch), ks_error(sketch), smooth_ece(sketch), brier(sketch)]


@KINDS
@settings(max_examples=20)
@given(case=samples(), cut=st.integers(0, 100), seed=st.integers(0, 9))
def test_parts_in_any_order_make_the_whole(kind, case, cut, seed):
    probs, labels = case
    order = np.random.default_rng(seed).permutation(len(labels))
    parts = [sketched(probs[:, some], labels[some], kind) for some in (order[:cut], order[cut:])]
    merged, whole = parts[1].merge(parts[0]), sketched(probs, labels, kind)
    for ours, expected in zip(results(merged), results(whole), strict=True):
        assert ours == pytest.approx(expected, abs=1e-9)
    for ours, expected in zip(merged.rows(), whole.rows(), strict=True):
        np.testing.assert_array_equal(ours.counts, expected.counts)
        np.testing.assert_array_equal(ours.lowest, expected.lowest)


@KINDS
def test_threads_do_not_show(kind, monkeypatch):
    case = segmentation_like(grid=(9, 120, 150))
    seen = []
    for count in (1, 2, 4):
        monkeypatch.setattr(blocks, "_pool", None)
        monkeypatch.setattr(blocks, "thread_count", lambda count=count: count)
        seen.append(b"".join(array.tobytes() for array in sketched(*case, kind).cells))
    assert len(set(seen)) == 1


@KINDS
def test_merging_leaves_both_as_they_were(kind):
    a, b = sketched(*segmentation_like(0), kind), sketched(*segmentation_like(1), kind)
    before = pickle.dumps((a, b))
    a.merge(b)
    assert pickle.dumps((a, b)) == before


@KINDS
def test_no_sample_is_kept(kind):
    sketch, sizes = CalibrationSketch(kind), []
    for seed in range(3):
        sketch.update(*segmentation_like(seed))
        sizes.append(len(pickle.dumps(sketch)))
    assert len(set(sizes)) == 1


@KINDS
def test_the_bins_count_the_same(kind):
    probs, labels = segmentation_like()
    mask = np.random.default_rng(1).random(labels.shape) < 0.3
    bins = CalibrationBins(1, kind)
    bins.update(probs, labels, mask=mask)
    diagram, sketch = bins.reliability(), sketched(probs, labels, kind, mask=mask)
    rows = sketch.rows()
    assert [int(cells.counts.sum()) for cells in rows] == diagram.count.ravel().tolist()
    assert [cells.hits.sum() / cells.counts.sum() for cells in rows] == diagram.accuracy.ravel().tolist()
    assert ace(sketch, n_bins=1).value == pytest.approx(bins.ece(), abs=1e-12)


def test_the_threshold_is_exact():
    p = np.array([0.1, 0.5, 0.5 + 1e-12, 0.9])
    sketch = sketched(np.stack([1 - p, p]), np.array([0, 1, 0, 1]), "class_wise", threshold=0.5)
    assert sketch.rows(1)[0].counts.sum() == 2
    assert sketch.rows(0)[0].counts.sum() == 1
    assert sketched(np.stack([1 - p, p]), np.zeros(4, int), "class_wise").rows(1)[0].counts.sum() == 4


def test_a_class_without_samples_above_the_threshold_is_left_out():
    probs = np.array([[0.75, 0.75], [0.25, 0.25]])
    sketch = sketched(probs, np.array([0, 1]), "class_wise", threshold=0.5)
    assert ace(sketch) == ace(sketch, class_index=0) == (0.25, 0.0)
    assert math.isnan(ace(sketch, class_index=1).value)


@KINDS
def test_nothing_counted_has_no_error(kind):
    sketch = CalibrationSketch(kind)
    empty = sketched(np.full((2, 3), 0.5), np.zeros(3, int), kind, mask=np.zeros(3, bool))
    for one in (sketch, empty, sketch.merge(empty)):
        numbers = [r if isinstance(r, float) else r.value for r in results(one)]
        assert np.isnan(numbers).all()


@KINDS
@pytest.mark.parametrize(
    ("probs", "labels", "message"),
    [
        (np.full((2, 4), 3.0), np.zeros(4, int), r"probs must lie in \[0, 1\].*pass softmax output"),
        (np.full((2, 4), 0.3), np.zeros(4, int), "probs must sum to 1 over axis 0"),
        (np.full((2, 4), np.nan), np.zeros(4, int), "probs must be numbers, got 8 NaN"),
        (np.full((2, 4), 0.5), np.full(4, 2), r"labels must lie in \[0, 2\)"),
        (np.full((3, 4), 1 / 3), np.zeros(4, int), r"with C = 2, got \(3, 4\)"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_counted(kind, probs, labels, message):
    sketch = sketched(np.full((2, 1), 0.5), np.zeros(1, int), kind)
    with pytest.raises(ArgumentError, match=message):
        sketch.update(probs, labels)
    assert sketch.rows()[0].counts.sum() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "binary"}, "kind must be one of .*'binary'"),
        ({"threshold": 1.0}, r"threshold must lie in \[0, 1\), got 1\.0"),
        ({"n_classes": 0}, "n_classes must be >= 1, got 0"),
    ],
)
def test_sketches_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        CalibrationSketch(**options)


def test_only_sketches_alike_can_be_merged():
    for other in (
        CalibrationSketch("class_wise"),
        CalibrationSketch(threshold=0.1),
        CalibrationSketch(n_classes=4),
    ):
        with pytest.raises(ArgumentError, match=r"must agree in \(kind, threshold, n_classes\)"):
            CalibrationSketch(n_classes=3).merge(other)


def test_a_class_is_asked_for_only_where_there_are_classes():
    with pytest.raises(ArgumentError, match=r"a class of a class-wise sketch.*'top_label'"):
        ace(sketched(*segmentation_like()), class_index=1)
    with pytest.raises(ArgumentError, match="n_classes=3"):
        ace(sketched(*segmentation_like(), "class_wise"), class_index=3)
