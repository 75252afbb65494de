"""On a graphics processor: data stay there, and results are those of the host. Run by `make test-gpu`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ckpt_uq as uq
from ckpt_uq import moments
from ckpt_uq.evaluation import dice_per_class
from ckpt_uq.kernels.gpu import launch
from ckpt_uq.maps import class_entropy, max_softmax, predictive_entropy
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.contour_entropy import contour_terms

pytestmark = pytest.mark.gpu

SINGLE = (torch.float32, torch.float16, torch.bfloat16)
BOTH = pytest.mark.parametrize("with_triton", [True, False], ids=["triton", "torch"])


@pytest.fixture
def way(monkeypatch, with_triton):
    """Compute with Triton's loops, or with torch as where Triton is missing."""
    if with_triton:
        assert launch.usable(torch.zeros(1, device="cuda")), "this processor, or Triton, cannot do it"
    else:
        monkeypatch.setattr(launch, "_has_triton", lambda: False)


def case(grid=(40, 120, 130), n_classes=4, dtype=torch.float32):
    """Probabilities and labels in host memory."""
    rng = np.random.default_rng(0)
    probs = np.moveaxis(rng.dirichlet(np.full(n_classes, 0.2), grid), -1, 0).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(probs)).to(dtype), torch.from_numpy(
        rng.integers(0, n_classes, grid).astype(np.uint8)
    )


@BOTH
@pytest.mark.parametrize("function", [predictive_entropy, class_entropy, max_softmax])
@pytest.mark.parametrize("dtype", [*SINGLE, torch.float64])
def test_maps(way, function, dtype):
    probs, _ = case(dtype=dtype)
    there = function(probs.cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), function(probs), rtol=0, atol=1e-6)


@BOTH
def test_maps_into_memory_of_any_layout(way):
    probs, _ = case(grid=(30, 40))
    out = torch.empty(40, 30, device="cuda").T
    assert predictive_entropy(probs.cuda().transpose(1, 2).contiguous().transpose(1, 2), out=out) is out
    torch.testing.assert_close(out.cpu(), predictive_entropy(probs), rtol=0, atol=1e-6)


@BOTH
def test_what_is_no_probability_is_refused(way):
    with pytest.raises(uq.ArgumentError, match="pass softmax output"):
        predictive_entropy(torch.full((3, 50), 2.0, device="cuda"))


@BOTH
@pytest.mark.parametrize("kind", ["top_label", "class_wise"])
@pytest.mark.parametrize("dtype", SINGLE)
def test_calibration_bins(way, kind, dtype):
    probs, labels = case(dtype=dtype)
    mask = torch.from_numpy(np.random.default_rng(1).random(tuple(labels.shape)) < 0.7)
    found = []
    for device in ("cpu", "cuda", "cuda"):
        bins = uq.CalibrationBins(kind=kind)
        bins.update(probs.to(device), labels.to(device), mask=mask.to(device))
        found.append(bins)
    here, there, again = found
    np.testing.assert_array_equal(there.reliability().count, here.reliability().count)
    assert there.ece() == pytest.approx(here.ece(), abs=1e-12)
    np.testing.assert_array_equal(there.reliability().confidence, again.reliability().confidence)


@BOTH
def test_dice(way):
    probs, labels = case()
    guess = probs.argmax(0)
    np.testing.assert_array_equal(
        dice_per_class(guess.cuda(), labels.cuda(), 4), dice_per_class(guess, labels, 4)
    )


@BOTH
@pytest.mark.parametrize("ndim", [2, 3])
def test_contour_score(way, ndim):
    probs, _ = case()
    there, here = (contour_terms(Prediction.from_probs(p), 1, ndim=ndim) for p in (probs.cuda(), probs))
    np.testing.assert_array_equal(there.contour_voxels, here.contour_voxels)
    np.testing.assert_allclose(there.entropy_bits, here.entropy_bits, rtol=1e-6)


@BOTH
@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
@pytest.mark.parametrize("dtype", SINGLE)
def test_moments(way, outputs, dtype):
    grid, found = (20, 60, 70), []
    members = [case(grid)[0].roll(seed, 1) for seed in range(3)]
    for device in ("cpu", "cuda"):
        m = moments.init(4, grid, outputs=outputs, variance=True, labels=True, device=device)
        for member in members:
            values = member if outputs == "probs" else 9 * member - 3.1
            moments.update(m, values.to(dtype).to(device))
        moments.verify(m, ["a", "b", "c"])
        found.append(m)
    here, there = found
    for name in ("mean_prob", "mean_entropy", "scatter"):
        torch.testing.assert_close(getattr(there, name).cpu(), getattr(here, name), rtol=1e-5, atol=2e-6)
    same = torch.stack(there.labels).cpu() == torch.stack(here.labels)
    assert same.float().mean() > 0.9999  # rounding may break a tie


@BOTH
def test_analysis(way):
    probs, labels = case()
    there, here = (uq.analyze(p, t) for p, t in ((probs.cuda(), labels.cuda()), (probs, labels)))
    assert there.entropy.is_cuda
    assert torch.equal(there.segmentation.cpu(), here.segmentation)
    np.testing.assert_array_equal(there.contour_voxels, here.contour_voxels)
    np.testing.assert_array_equal(there.confusion, here.confusion)
    assert there.bins.ece() == pytest.approx(here.bins.ece(), abs=1e-12)


def test_more_than_two_billion_numbers():
    n = 2**29 + 777  # times four classes
    if torch.cuda.mem_get_info()[0] < 20 * n:
        pytest.fail("this test needs 11 GB of free memory on the processor")
    probs = torch.zeros(4, n, dtype=torch.float16, device="cuda")
    probs[0] = 1
    probs[:, -1] = 0.25
    bits = predictive_entropy(probs)
    assert bits[-1].item() == pytest.approx(2.0, abs=1e-6)
    assert bits[:-1].amax().item() == 0
    bins = uq.CalibrationBins()
    bins.update(probs, torch.zeros(n, dtype=torch.uint8, device="cuda"))
    assert bins.n_samples == n
    assert bins.reliability().count[3] == 1
