"""Triton's loops, run by Triton's interpreter on the host, against the definition and against torch."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import generate_binary_structure

from ckpt_uq import moments
from ckpt_uq.kernels import on_device, on_device_counts
from ckpt_uq.kernels.gpu import bins, counts, launch, maps
from ckpt_uq.kernels.gpu import moments as folding
from reference.contour import contour_sizes_scipy
from reference.entropy import binary_entropy_map, entropy_map
from strategies import distributions, masks

FEW = settings(max_examples=12)  # the interpreter takes milliseconds for every line of every block
SINGLE = ("float16", "float32")
EDGES = np.arange(16) / 15


def case(seed=0, n_classes=3, n_voxels=2100, dtype=np.float32):
    """More voxels than a block has, and labels."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(n_classes, 0.3), n_voxels).T.astype(dtype)
    return torch.from_numpy(np.ascontiguousarray(probs)), torch.from_numpy(
        rng.integers(0, n_classes, n_voxels)
    )


@FEW
@given(distributions(dtypes=SINGLE, min_side=1))
def test_entropy_is_the_definition(probs):
    out = torch.empty(probs.shape[1:])
    maps.entropy_bits(torch.from_numpy(probs), out)
    np.testing.assert_allclose(out.numpy(), entropy_map(probs), rtol=0, atol=1e-6)
    assert ((out >= 0) & (out.double() <= math.log2(len(probs)))).all()


@FEW
@given(distributions(dtypes=SINGLE, min_side=1))
def test_binary_entropy_is_the_definition(probs):
    out = torch.empty(probs.shape)
    seen = maps.binary_entropy_bits(torch.from_numpy(probs), out)
    np.testing.assert_allclose(out.numpy(), binary_entropy_map(probs), rtol=0, atol=1e-6)
    assert (seen.lowest, seen.highest) == (probs.min(), probs.max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("n_classes", [1, 2, 5])
def test_maps_and_what_was_seen_are_torchs(dtype, n_classes):
    probs = case(n_classes=n_classes)[0].to(dtype)
    for operation in ("entropy_bits", "largest"):
        ours, theirs = torch.empty(2, probs.shape[1])
        seen = getattr(maps, operation)(probs, ours)
        expected = getattr(on_device, operation)(probs, theirs)
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)
        assert seen == pytest.approx(expected, abs=1e-6)


def test_result_of_any_layout():
    probs = case(n_voxels=24)[0].reshape(3, 4, 6)
    out = torch.empty(6, 4).T
    maps.entropy_bits(probs.transpose(1, 2).contiguous().transpose(1, 2), out)
    np.testing.assert_allclose(out.numpy(), entropy_map(probs.numpy()), rtol=0, atol=1e-6)


def test_what_is_no_probability_is_seen():
    probs = case()[0]
    probs[0, 7], probs[1, 2050], probs[2, 5] = -0.25, 3.0, math.nan
    seen = maps.entropy_bits(probs, torch.empty(probs.shape[1]))
    assert (seen.lowest, seen.highest, seen.n_nan) == (-0.25, 3.0, 1)
    assert maps.largest(probs, torch.empty(probs.shape[1])).n_nan == 1


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("top_label", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_bins_are_torchs(top_label, masked, dtype):
    probs, labels = case(n_voxels=900)
    probs = probs.to(dtype)
    probs[:, :4] = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1], [0.2, 0.6, 0.2]]).T
    mask = torch.from_numpy(np.random.default_rng(1).random(900) < 0.4) if masked else None
    ours = bins.sort_into_bins(probs, labels.to(torch.uint8), mask, EDGES, top_label=top_label)
    theirs = on_device_counts.sort_into_bins(probs, labels, mask, EDGES, top_label=top_label)
    np.testing.assert_array_equal(ours.bins.counts, theirs.bins.counts)
    np.testing.assert_array_equal(ours.bins.hits, theirs.bins.hits)
    np.testing.assert_allclose(ours.bins.confidence, theirs.bins.confidence, rtol=1e-14)
    assert ours.labels == theirs.labels
    assert ours.probs == pytest.approx(theirs.probs, abs=1e-6)


def test_bins_of_a_mask_without_voxels():
    probs, labels = case(n_voxels=20)
    found = bins.sort_into_bins(probs, labels, torch.zeros(20, dtype=torch.bool), EDGES, top_label=True)
    assert found.bins.counts.sum() == 0
    assert found.labels[0] > found.labels[1]


@pytest.mark.parametrize("n_classes", [2, 5])
def test_pairs_of_labels_are_counted(n_classes):
    rng = np.random.default_rng(0)
    guess, truth = (torch.from_numpy(rng.integers(-1, n_classes + 1, 3000)) for _ in range(2))
    ours = counts.confusion(guess, truth, n_classes)
    theirs = on_device_counts.confusion(guess, truth, n_classes)
    np.testing.assert_array_equal(ours.counts, theirs.counts)
    assert ours[1:] == theirs[1:] == (-1, n_classes)
    assert ours.counts[1, 0] == ((truth == 1) & (guess == 0)).sum()


@FEW
@given(masks(min_side=1), st.sampled_from([1, 2, 3]))
def test_contours_are_scipys(mask, connectivity):
    element = generate_binary_structure(3, connectivity)
    ours = counts.contour_sizes(torch.from_numpy(mask), element)
    np.testing.assert_array_equal(ours, contour_sizes_scipy(mask, element))


def test_contours_of_thresholds():
    plane = np.random.default_rng(0).choice([0.25, 0.5, 0.75], (3, 8, 9))
    element = generate_binary_structure(3, 1)
    found = on_device_counts.threshold_contours(torch.from_numpy(plane), element)
    np.testing.assert_array_equal(found, contour_sizes_scipy(plane > 0.5, element))


def test_contour_of_a_lopsided_element_across_blocks():
    mask = np.random.default_rng(0).random((2, 40, 50)) < 0.02
    element = np.array([[[1, 0, 0, 0], [0, 0, 0, 1]]], bool)
    ours = counts.contour_sizes(torch.from_numpy(mask), element)
    np.testing.assert_array_equal(ours, contour_sizes_scipy(mask, element))


@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_folding_a_member_is_torchs(outputs, dtype):
    members = [case(seed, n_voxels=700)[0] for seed in range(3)]
    if outputs != "probs":
        members = [8 * member - 3 for member in members]
    expected = moments.init(3, (700,), outputs=outputs, variance=True, labels=True)
    mean, entropy, scatter = torch.zeros(3, 700), torch.zeros(700), torch.zeros(3, 700)
    said = torch.empty(700, dtype=torch.uint8)
    for n, member in enumerate(members):
        moments.update(expected, member.to(dtype))
        fault = folding.fold(
            member.to(dtype),
            mean,
            entropy,
            outputs=outputs,
            share=1 / (n + 1),
            gain=n / (n + 1),
            scatter=scatter,
            labels=said,
        )
        assert fault.item() == pytest.approx(expected.faults[-1].item(), abs=1e-6)
        assert torch.equal(said, expected.labels[-1])
    assert torch.allclose(mean, expected.mean_prob, rtol=0, atol=1e-6)
    assert torch.allclose(entropy, expected.mean_entropy, rtol=0, atol=2e-6)
    assert torch.allclose(scatter, expected.scatter, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the host's, where the interpreter runs
@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.5])
def test_what_is_no_prediction_is_a_fault(outputs, value):
    member = case(n_voxels=600)[0]
    member[1, 590] = value
    fault = folding.fold(member, torch.zeros(3, 600), torch.zeros(600), outputs=outputs, share=1.0)
    fine = (math.isinf(value) and outputs == "regions") or (value == -0.5 and outputs != "probs")
    assert fault.isnan().item() is not fine


def test_an_excluded_class_is_no_fault():
    member = torch.tensor([[0.0, 1.0], [-math.inf, 1.0]])
    mean, entropy = torch.zeros(2, 2), torch.zeros(2)
    with np.errstate(invalid="ignore"):
        fault = folding.fold(member, mean, entropy, outputs="logits", share=1.0)
    assert fault == 0
    assert mean.tolist() == [[1.0, 0.5], [0.0, 0.5]]
    assert entropy.tolist() == pytest.approx([0.0, 1.0], abs=1e-6)


@pytest.mark.slow
def test_loops_compile_for_named_processors_and_keep_to_registers(tmp_path):
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    script = Path(__file__).with_name("compile_gpu.py")
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {(use["kernel"], use["architecture"]) for use in found} == {
        (kernel, architecture)
        for kernel in ("_entropy", "_largest", "_binary_entropy", "_fold", "_sort", "_pairs", "_contour")
        for architecture in (80, 90)
    }
    assert [use for use in found if use["spilled_bytes"]] == []
    assert max(use["registers"] for use in found) < 255


def test_without_triton_torch_does_it():
    told = """
import sys
sys.modules["triton"] = None  # as if it were not installed
import numpy as np, torch
from ckpt_uq import moments
from ckpt_uq.kernels import on_device, on_device_counts
from ckpt_uq.kernels.gpu import launch
on_device.entropy_bits(torch.full((2, 3), 0.5), out := torch.empty(3))
print(out.tolist(), on_device_counts.confusion(torch.tensor([0, 1]), torch.tensor([1, 1]), 2).counts.tolist())
launch.find_spec = lambda name: None
print(launch._has_triton())
"""
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "[1.0, 1.0, 1.0] [[0, 0], [1, 1]]\nFalse\n"


@pytest.mark.parametrize(
    ("capability", "dtype", "n", "usable"),
    [
        ((8, 0), "float32", 4, True),
        ((9, 0), "bfloat16", 4, True),
        ((7, 5), "float32", 4, False),
        ((9, 0), "float64", 4, False),
        ((9, 0), "float32", 0, False),
    ],
)
def test_loops_are_used_where_they_were_compiled_for(monkeypatch, capability, dtype, n, usable):
    class OnDevice:  # what is asked of a tensor there
        is_cuda, device = True, torch.device("cuda:0")

        def __init__(self, dtype, n):
            self.dtype, self.n = dtype, n

        def numel(self):
            return self.n

        def is_floating_point(self):
            return self.dtype.is_floating_point

    monkeypatch.setattr(launch, "_has_triton", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert launch.usable(OnDevice(getattr(torch, dtype), n), OnDevice(torch.uint8, 4)) is usable
    assert not launch.usable(torch.zeros(4))


@pytest.mark.parametrize("compiler", [None, "gcc"])
def test_loops_need_a_compiler_to_link_their_launches(monkeypatch, compiler):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(launch.shutil, "which", lambda name: compiler)
    launch._has_triton.cache_clear()
    assert launch._has_triton() is (compiler is not None)
    launch._has_triton.cache_clear()


def test_an_ignored_label_is_not_counted():
    probs, labels = case(n_voxels=300)
    labels[:40] = 255
    ours = on_device_counts.sort_into_bins(probs, labels, None, EDGES, top_label=True, ignore_label=255)
    theirs = on_device_counts.sort_into_bins(probs[:, 40:], labels[40:], None, EDGES, top_label=True)
    np.testing.assert_array_equal(ours.bins.hits, theirs.bins.hits)
    assert ours.labels == theirs.labels
