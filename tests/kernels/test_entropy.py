"""Entropy on the host and as torch operations, both against the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given

from ckpt_uq.kernels import entropy, on_device, planes
from ckpt_uq.kernels.planes import pieces
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
    rounding = 1e-12 if probs.dtype == np.float64 else 1e-6
    assert (seen.lowest_sum, seen.highest_sum) == pytest.approx((sums.min(), sums.max()), abs=rounding)


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


def _definition(probs):
    """The definition, vectorised: the reference's Python loop would take minutes here."""
    p = probs.astype(np.float64)
    return np.clip(-(p * np.log2(p, out=np.zeros_like(p), where=p > 0)).sum(0), 0, math.log2(len(p)))


def _off(probs):
    bits, _ = _on_host("entropy_bits", probs, probs.shape[1:])
    return np.abs(bits - _definition(probs)).max()


def test_single_precision_is_within_a_millionth_of_a_bit_for_every_mantissa():
    mantissas = np.arange(0, 1 << 23, 3, dtype=np.int32)
    for exponent in (126, 125, 119):
        p = (np.int32(exponent << 23) | mantissas).view(np.float32)
        assert _off(np.stack([p, 1 - p])) < 1e-6
        binary, _ = _on_host("binary_entropy_bits", p[None], p[None].shape)
        both = np.stack([p.astype(np.float64), 1 - p.astype(np.float64)])
        assert np.abs(binary[0] - _definition(both)).max() < 1e-6


@pytest.mark.parametrize("n_classes", [*range(1, 13), 31, 64, 128])
def test_single_precision_is_within_a_millionth_of_a_bit_for_any_number_of_classes(n_classes):
    rng = np.random.default_rng(n_classes)
    for shape in (0.01, 0.3, 10.0, 1e4):  # from certain to uniform, where every rounding has the same sign
        p = rng.gamma(shape, size=(n_classes, 3000)) + 1e-30
        assert _off((p / p.sum(0)).astype(np.float32)) < 1e-6
    assert _off(np.full((n_classes, 3), 1 / n_classes, np.float32)) < 1e-6
    n_tiny = n_classes - 1
    for tiny in (0.0, 1e-45, 1e-38, 2.0**-24, 2.0**-12):
        p = np.array([1 - n_tiny * tiny] + [tiny] * n_tiny, np.float32)[:, None]
        assert _off(np.repeat(p, 2, axis=1)) < 1e-6


def test_what_is_certain_has_no_entropy_at_all():
    certain = np.eye(5, dtype=np.float32)
    assert _on_host("entropy_bits", certain, (5,))[0].tolist() == [0] * 5
    assert _on_host("binary_entropy_bits", certain, (5, 5))[0].any() == np.False_


@pytest.mark.parametrize("scale", [1 - 4e-3, 1 + 4e-3])
def test_sums_that_rounding_moved_are_taken_as_they_are(scale):
    p = np.random.default_rng(0).dirichlet([0.2, 1, 3], 5000).T.astype(np.float32) * np.float32(scale)
    assert _off(p) < 1e-6
    assert _off(np.repeat(np.float32([[scale], [0]]), 4, axis=1)) < 1e-6


@pytest.mark.parametrize("operation", ["entropy_bits", "largest"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "bad", [[0.3, -0.0, -1e-30], [2.0, -1.0, 0.0], [math.nan, 1, 0], [-math.nan, 1, 0], [math.inf, 0, 0]]
)
@pytest.mark.parametrize("where", [0, 255, 256, 70_000, 70_001])
def test_one_bad_voxel_is_seen_wherever_it_is(operation, dtype, bad, where):
    probs = np.full((3, 70_002), 1 / 3, dtype)
    probs[:, where] = np.array(bad, np.float64)
    _, seen = _on_host(operation, probs, probs.shape[1:])
    wide = probs.astype(np.float64)
    assert seen.n_nan == np.isnan(bad).sum()
    assert (seen.lowest, seen.highest) == (np.nanmin(wide), max(np.nanmax(wide), 0))
    if not seen.n_nan:
        sums = wide.sum(0)
        assert (seen.lowest_sum, seen.highest_sum) == pytest.approx((sums.min(), sums.max()), rel=1e-6)


def test_every_half_precision_number_is_decoded():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(16, -1)
    decoded = np.concatenate([p.planes for p in pieces(halves, 0, halves.shape[1])], axis=1)
    np.testing.assert_array_equal(decoded, halves.astype(np.float32))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_pieces_that_are_copied_are_the_array(dtype, monkeypatch):
    monkeypatch.setattr(planes, "PIECE_VALUES", 60)
    rng = np.random.default_rng(0)
    probs = np.moveaxis(rng.dirichlet([1, 1, 1], (7, 5, 4)).astype(dtype), -1, 0)
    bits, seen = _on_host("entropy_bits", probs, (7, 5, 4))
    whole, saw = _on_host("entropy_bits", np.ascontiguousarray(probs), (7, 5, 4))
    np.testing.assert_array_equal(bits, whole)
    assert seen == saw


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bound_is_the_largest_number_that_log_c_reaches(dtype):
    for n_classes in range(1, 200):
        bound = np.dtype(dtype).type(max_entropy_bits(n_classes, dtype))
        assert float(bound) <= math.log2(n_classes) < float(np.nextafter(bound, bound.dtype.type(np.inf)))
