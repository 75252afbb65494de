"""The metrics inside TorchMetrics itself: batches, merging, collections, copies, and states of fixed size."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection

from ckpt_uq.adapters.torchmetrics import CalibrationBinsMetric, CalibrationSketchMetric, VoxelErrorsMetric
from ckpt_uq.calibration import CalibrationBins, CalibrationSketch, ace, brier, ks_error, smooth_ece
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.auroc import auroc

KINDS = pytest.mark.parametrize("kind", ["top_label", "class_wise"])
SKETCHED = {"ace": ace, "ks": ks_error, "smooth_ece": smooth_ece, "brier": brier}


def batch(seed=0, n=4, n_classes=3, grid=(9, 11)):
    generator = torch.Generator().manual_seed(seed)
    probs = (3 * torch.randn(n, n_classes, *grid, generator=generator)).softmax(1)
    return probs, torch.randint(0, n_classes, (n, *grid), generator=generator)


def metrics(kind="top_label"):
    bins = [CalibrationBinsMetric(3, error=error, kind=kind) for error in ("ece", "mce")]
    return bins + [CalibrationSketchMetric(3, error=error, kind=kind) for error in SKETCHED]


def by_hand(kind="top_label", *batches):
    """The same errors from the library's own objects, image by image."""
    bins, sketch = CalibrationBins(kind=kind), CalibrationSketch(kind)
    for probs, labels in batches:
        for p, y in zip(probs.numpy(), labels.numpy(), strict=True):
            bins.update(p, y)
            sketch.update(p, y)
    found = [of(sketch) for of in SKETCHED.values()]
    return [bins.ece(), bins.mce(), *(value if isinstance(value, float) else value.value for value in found)]


@KINDS
def test_batches_are_counted_as_images_are(kind):
    batches = [batch(0), batch(1, n=2)]
    for metric, expected in zip(metrics(kind), by_hand(kind, *batches), strict=True):
        for one in batches:
            metric.update(*one)
        assert metric.compute().item() == pytest.approx(expected, abs=1e-12)


@KINDS
def test_merged_states_are_those_of_one_metric(kind):
    first, second = batch(0), batch(1)
    for whole, left, right in zip(metrics(kind), metrics(kind), metrics(kind), strict=True):
        whole.update(*first)
        whole.update(*second)
        left.update(*first)
        right.update(*second)
        left.merge_state(right)
        assert left.compute().item() == pytest.approx(whole.compute().item(), abs=1e-12)
        for name, state in whole.metric_state.items():
            torch.testing.assert_close(left.metric_state[name], state, rtol=1e-12, atol=0)


def test_forward_gives_the_batch_and_keeps_the_epoch():
    first, second = batch(0), batch(1)
    metric = CalibrationBinsMetric(3)
    assert metric(*first).item() == pytest.approx(by_hand("top_label", first)[0], abs=1e-12)
    assert metric(*second).item() == pytest.approx(by_hand("top_label", second)[0], abs=1e-12)
    assert metric.compute().item() == pytest.approx(by_hand("top_label", first, second)[0], abs=1e-12)
    metric.reset()
    with pytest.warns(UserWarning, match="called before the ``update``"):
        assert torch.isnan(metric.compute())
    metric.reset()
    metric.update(*first)
    assert metric.compute().item() == pytest.approx(by_hand("top_label", first)[0], abs=1e-12)


def test_a_collection_holds_them_together():
    ece, mce = (CalibrationBinsMetric(3, error=error) for error in ("ece", "mce"))
    together = MetricCollection({"ece": ece, "mce": mce})
    together.update(*batch())
    together.update(*batch(1))
    found = together.compute()
    expected = by_hand("top_label", batch(), batch(1))
    assert [found["ece"].item(), found["mce"].item()] == pytest.approx(expected[:2], abs=1e-12)


def test_states_stay_double_and_small_whatever_becomes_of_the_model():
    for metric in [*metrics("class_wise"), VoxelErrorsMetric(highest=1.0)]:
        module = torch.nn.ModuleList([metric]).half()
        dtypes = {state.dtype for state in module[0].metric_state.values()}
        assert dtypes <= {torch.int64, torch.float64}
        assert sum(state.nbytes for state in metric.metric_state.values()) < 1_000_000


def test_counts_go_on_past_two_to_the_24():
    metric = CalibrationBinsMetric(2)
    metric.update(torch.tensor([[[0.75, 0.75], [0.25, 0.25]]]), torch.tensor([[0, 1]]))
    for _ in range(25):
        metric.merge_state(copy.deepcopy(metric))
    assert int(metric.counts.sum()) == 2**26
    one_more = torch.tensor([[[0.75], [0.25]]]), torch.tensor([[0]])
    metric.update(*one_more)
    assert int(metric.counts.sum()) == 2**26 + 1


def test_ignored_voxels_do_not_count():
    probs, labels = batch()
    labels[:, :5] = 255
    metric = CalibrationBinsMetric(3, ignore_index=255)
    metric.update(probs, labels)
    assert metric.compute().item() == pytest.approx(by_hand("top_label", (probs[:, :, 5:], labels[:, 5:]))[0])
    with pytest.raises(ArgumentError, match="labels must"):
        CalibrationBinsMetric(3).update(probs, labels)


def test_one_class_alone():
    metric = CalibrationBinsMetric(3, kind="class_wise", class_index=2)
    sketched = CalibrationSketchMetric(3, error="brier", kind="class_wise", class_index=2, threshold=0.0)
    bins, sketch = CalibrationBins(kind="class_wise"), CalibrationSketch("class_wise")
    probs, labels = batch(n=1)
    for one in (metric, sketched):
        one.update(probs, labels)
    bins.update(probs[0], labels[0])
    sketch.update(probs[0], labels[0])
    assert metric.compute().item() == bins.ece(2)
    assert sketched.compute().item() == brier(sketch, class_index=2)


def test_wrong_voxels_of_batches():
    rng = np.random.default_rng(0)
    uncertainty = rng.integers(0, 64, (3, 5, 8)) / 64  # no two in one bin differ
    errors = rng.random((3, 5, 8)) < uncertainty
    metric, other = VoxelErrorsMetric(highest=1.0), VoxelErrorsMetric(highest=1.0)
    metric.update(torch.tensor(uncertainty[:2]), torch.tensor(errors[:2]))
    other.update(torch.tensor(uncertainty[2:]), torch.tensor(errors[2:]))
    metric.merge_state(other)
    assert metric.compute().item() == pytest.approx(auroc(uncertainty, errors), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CalibrationBinsMetric(3, error="ace"), r"error must be one of \('ece', 'mce'\), got 'ace'"),
        (lambda: CalibrationSketchMetric(3, error="ece"), "error must be one of .* got 'ece'"),
        (
            lambda: CalibrationBinsMetric(3).update(torch.ones(2, 3, 4) / 3, torch.zeros(2, 5, dtype=int)),
            r"preds must have shape \(N, C, \*S\) and target \(N, \*S\), got \(2, 3, 4\) and \(2, 5\)",
        ),
        (
            lambda: CalibrationBinsMetric(2).update(torch.ones(2, 3, 4) / 3, torch.zeros(2, 4, dtype=int)),
            r"probs must have shape \(C, \*S\) with C = 2",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
