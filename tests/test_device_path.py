"""What is computed where an accelerator's data lies, shown by tensors that are taken for such.

No accelerator is needed: host memory is declared to be one's, so that whatever would move data to the host,
or look at it as NumPy does, is noticed.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ckpt_uq import arrays, moments
from ckpt_uq.analysis import analyze
from ckpt_uq.calibration import CalibrationBins
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation import dice_per_class
from ckpt_uq.maps import predictive_entropy
from ckpt_uq.moments import by_torch as on_device
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_terms


@pytest.fixture
def on_accelerator(monkeypatch):
    def refuse(tensor):
        raise AssertionError("data was moved to host memory")

    monkeypatch.setattr(arrays, "in_host_memory", lambda tensor: False)
    monkeypatch.setattr(arrays, "_numpy_view", refuse)


def case(grid=(3, 12, 10), n_classes=3):
    rng = np.random.default_rng(0)
    probs = np.moveaxis(rng.dirichlet(np.full(n_classes, 0.2), grid), -1, 0).astype(np.float32)
    return probs, rng.integers(0, n_classes, grid).astype(np.uint8)


@pytest.mark.parametrize("kind", ["top_label", "class_wise"])
@pytest.mark.parametrize("masked", [False, True])
def test_calibration_bins(on_accelerator, kind, masked):
    probs, labels = case()
    mask = np.random.default_rng(1).random(labels.shape) < 0.5
    there, here = CalibrationBins(kind=kind), CalibrationBins(kind=kind)
    there.update(
        torch.from_numpy(probs), torch.from_numpy(labels), mask=torch.from_numpy(mask) if masked else None
    )
    here.update(probs, labels, mask=mask if masked else None)
    np.testing.assert_array_equal(there.reliability().count, here.reliability().count)
    assert there.ece() == pytest.approx(here.ece(), abs=1e-12)


def test_labels_of_another_kind_are_brought_to_the_probabilities(on_accelerator):
    probs, labels = case()
    there, here = CalibrationBins(), CalibrationBins()
    there.update(torch.from_numpy(probs), labels)
    here.update(probs, labels)
    assert there.ece() == pytest.approx(here.ece(), abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, t: (p * 3, t), "pass softmax output"),
        (lambda p, t: (p, t + 1), r"labels must lie in \[0, 3\), got labels in \[1, 3\]"),
        (lambda p, t: (p, t.float()), "labels must be integers on a grid of shape .*float32"),
        (lambda p, t: (p, t[:2]), "labels must be integers on a grid of shape"),
    ],
)
def test_what_makes_no_sense_is_refused(on_accelerator, change, message):
    bins = CalibrationBins()
    with pytest.raises(ArgumentError, match=message):
        bins.update(*change(*map(torch.from_numpy, case())))
    assert bins.n_samples == 0


def test_dice(on_accelerator):
    probs, labels = case()
    guess = probs.argmax(0)
    there = dice_per_class(torch.from_numpy(guess), torch.from_numpy(labels), 3)
    np.testing.assert_array_equal(there, dice_per_class(guess, labels, 3))
    with pytest.raises(ArgumentError, match=r"must lie in \[0, 2\)"):
        dice_per_class(torch.from_numpy(guess), torch.from_numpy(labels), 2)


@pytest.mark.parametrize(
    "options", [{}, {"ndim": 3}, {"slice_axis": 2}, {"mask": "argmax", "entropy": "class"}]
)
def test_contour_score(on_accelerator, options):
    probs, _ = case()
    there = contour_terms(Prediction.from_probs(torch.from_numpy(probs)), 1, **options)
    here = contour_terms(Prediction.from_probs(probs), 1, **options)
    np.testing.assert_array_equal(there.contour_voxels, here.contour_voxels)
    np.testing.assert_allclose(there.entropy_bits, here.entropy_bits, rtol=1e-6)


def test_maps_stay(on_accelerator):
    probs, _ = case()
    bits = predictive_entropy(torch.from_numpy(probs))
    assert isinstance(bits, torch.Tensor)
    np.testing.assert_allclose(bits.numpy(), predictive_entropy(probs), atol=1e-6)


@pytest.mark.parametrize("outputs", ["logits", "regions"])
def test_moments_by_tritons_loop(monkeypatch, outputs):
    members = [torch.from_numpy(8 * case()[0] - 3 * seed + 0.1) for seed in range(3)]
    by_torch, by_loop = (
        moments.init(3, (3, 12, 10), outputs=outputs, variance=True, labels=True) for _ in range(2)
    )
    for weight, member in enumerate(members, 1):
        on_device.update_by_torch(by_torch, member, weight, None)
    monkeypatch.setattr(on_device, "usable", lambda *tensors: True)
    monkeypatch.setattr(on_device, "_fold_slabs", None)
    for weight, member in enumerate(members, 1):
        on_device.update_by_torch(by_loop, member, weight, None)
    for name in ("mean_prob", "mean_entropy", "scatter"):
        ours, theirs = getattr(by_loop, name), getattr(by_torch, name)
        assert torch.allclose(ours, theirs, rtol=1e-6, atol=2e-6), name
    assert all(map(torch.equal, by_loop.labels, by_torch.labels))
    assert (by_loop.total_weight, by_loop.n_members) == (6.0, 3)
    assert torch.stack(by_loop.faults).tolist() == torch.stack(by_torch.faults).tolist()
    moments.verify(by_loop, ["a", "b", "c"])


@pytest.mark.parametrize(
    "options", [{}, {"ndim": 3, "contour": "argmax"}, {"ignore_label": 2, "maps": False}]
)
def test_analysis(on_accelerator, options):
    probs, labels = case()
    there = analyze(torch.from_numpy(probs), torch.from_numpy(labels), **options)
    here = analyze(probs, labels, **options)
    np.testing.assert_array_equal(there.contour_voxels, here.contour_voxels)
    np.testing.assert_array_equal(there.confusion, here.confusion)
    np.testing.assert_allclose(there.entropy_bits, here.entropy_bits, rtol=1e-6)
    assert there.bins.ece() == pytest.approx(here.bins.ece(), abs=1e-12)
    if here.entropy is not None:
        assert isinstance(there.segmentation, torch.Tensor)
        np.testing.assert_array_equal(there.segmentation.numpy(), here.segmentation)
        np.testing.assert_allclose(there.entropy.numpy(), here.entropy, atol=1e-6)
