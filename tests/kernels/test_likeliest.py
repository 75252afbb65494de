"""The likeliest class, against NumPy's argmax, for whatever numbers there may be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.kernels.blocks import BLOCK_VOXELS
from ckpt_uq.kernels.likeliest import likeliest
from ckpt_uq.maps import likeliest_class

FEW = [0.0, -0.0, 0.25, 0.5, 1.0, -2.0, 70000.0, np.inf, -np.inf, np.nan]


@given(
    st.integers(1, 9),
    st.lists(st.integers(0, 5), min_size=0, max_size=3),
    st.sampled_from(["float16", "float32", "float64", ">f4"]),
    st.integers(2, len(FEW)),
    st.integers(0, 2**32 - 1),
)
def test_as_argmax(n_classes, grid, dtype, n_kinds, seed):
    few = np.random.default_rng(seed).choice(FEW[:n_kinds], (n_classes, *grid))  # so that there are ties
    with np.errstate(over="ignore"):
        probs = few.astype(dtype)
    np.testing.assert_array_equal(likeliest(probs), probs.argmax(0))
    turned = np.moveaxis(np.ascontiguousarray(np.moveaxis(probs, 0, -1)), -1, 0)
    np.testing.assert_array_equal(likeliest(turned), probs.argmax(0))


@pytest.mark.parametrize("where", [0, 3, BLOCK_VOXELS + 5])
def test_a_block_that_is_no_number_somewhere(where):
    probs = np.random.default_rng(0).random((3, BLOCK_VOXELS + 9), dtype=np.float32)
    probs[1, where] = np.nan
    np.testing.assert_array_equal(likeliest(probs), probs.argmax(0))


@pytest.mark.parametrize(("n_classes", "dtype"), [(256, np.uint8), (257, np.int32)])
def test_many_classes(n_classes, dtype):
    probs = np.random.default_rng(0).random((n_classes, 5, 4), dtype=np.float32)
    probs[-1, 0] = 2
    found = likeliest(probs)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, probs.argmax(0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_come_back_as_tensors(dtype):
    probs = torch.rand(4, 6, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = likeliest_class(probs)
    assert found.dtype == torch.uint8
    torch.testing.assert_close(found, probs.argmax(0).to(torch.uint8), rtol=0, atol=0)
