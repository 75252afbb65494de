"""Entropy on the host and as torch operations, both against the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given

from ckpt_uq.kernels import entropy, on_device
from ckpt_uq.probabilities import max_entropy_bits
from reference.entropy import binary_entropy_map, entropy_map
from strategies import distributions


def _on_host(operation, probs, shape):
    out = np.full(shape, np.nan, np.result_type(probs.dtype, np.float32))
    seen = getattr(entropy, operation)(probs, out)
    return out, seen


def _as_torch(operation, probs, shape):
    tensor = torch.from_numpy(probs)
    out = torch.full(shape, math.nan, dtype=torch.promote_types(tensor.dtype, torch.float32))
    seen = getattr(on_device, operation)(tensor, out)
    return out.numpy(), seen


BOTH = pytest.mark.parametrize("run", [_on_host, _as_torch])


@BOTH
@given(probs=distributions())
def test_entropy_is_the_definition(run, probs):
    bits, _ = run("entropy_bits", probs, probs.shape[1:])
    np.testing.assert_allclose(bits, entropy_map(probs), rtol=0, atol=1e-6)
    assert np.all((bits >= 0) & (bits.astype(np.float64) <= math.log2(len(probs))))


@BOTH
@given(probs=distributions())
def test_binary_entropy_is_the_definition(run, probs):
    bits, _ = run("binary_entropy_bits", probs, probs.shape)
    np.testing.assert_allclose(bits, binary_entropy_map(probs), rtol=0, atol=1e-6)
    assert np.all((bits >= 0) & (bits <= 1))


@BOTH
@given(probs=distributions())
def test_largest_is_the_maximum(run, probs):
    confidence, _ = run("largest", probs, probs.shape[1:])
    np.testing.assert_array_equal(confidence, probs.max(0).astype(confidence.dtype))


@BOTH
@given(probs=distributions(dtypes=("float32", "float64")))
def test_what_was_seen_is_the_range(run, probs):
    _, seen = run("entropy_bits", probs, probs.shape[1:])
    if probs.size == 0:
        assert seen == (math.inf, -math.inf, math.inf, -math.inf, 0)
        return
    sums = probs.sum(0, dtype=np.float64)
    assert (seen.lowest, seen.highest, seen.n_nan) == (probs.min(), probs.max(), 0)
    assert (seen.lowest_sum, seen.highest_sum) == pytest.approx((sums.min(), sums.max()), abs=1e-12)


@BOTH
@pytest.mark.parametrize("operation", ["entropy_bits", "largest", "binary_entropy_bits"])
@pytest.mark.parametrize(("bad", "field"), [(-0.25, "lowest"), (1.5, "highest"), (math.inf, "highest")])
def test_values_that_are_no_probabilities_are_seen(run, operation, bad, field):
    probs = np.full((2, 100_000), 0.5)
    probs[1, 77_777] = bad
    _, seen = run(operation, probs, probs.shape if operation.startswith("binary") else probs.shape[1:])
    assert getattr(seen, field) == bad


@BOTH
@pytest.mark.parametrize("operation", ["entropy_bits", "largest", "binary_entropy_bits"])
def test_nan_is_counted(run, operation):
    probs = np.full((2, 100_000), 0.5)
    probs[:, [3, 99_999]] = math.nan
    _, seen = run(operation, probs, probs.shape if operation.startswith("binary") else probs.shape[1:])
    assert seen.n_nan == 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bound_is_the_largest_number_that_log_c_reaches(dtype):
    for n_classes in range(1, 200):
        bound = np.dtype(dtype).type(max_entropy_bits(n_classes, dtype))
        assert float(bound) <= math.log2(n_classes) < float(np.nextafter(bound, bound.dtype.type(np.inf)))
