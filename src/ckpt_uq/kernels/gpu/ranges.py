"""What a program saw of the probabilities: kept voxel by voxel in registers, written once at its end."""

from __future__ import annotations

import triton
import triton.language as tl

INFINITY = tl.constexpr(float("inf"))


@triton.jit
def widen(lowest, highest, n_nan, q, inside):
    """Take one more probability of the voxels that are `inside` into account."""
    known = inside & (q == q)
    return (
        tl.where(known, tl.minimum(lowest, q), lowest),
        tl.where(known, tl.maximum(highest, q), highest),
        n_nan + (inside & (q != q)).to(tl.int32),
    )


@triton.jit
def write_range(seen, lowest, highest, low_sum, high_sum, n_nan):
    """Reduce over the voxels and write a column of ``seen`` (5, programs)."""
    here = seen + tl.program_id(0)
    step = tl.num_programs(0)
    tl.store(here, tl.min(lowest, 0))
    tl.store(here + step, tl.max(highest, 0))
    tl.store(here + 2 * step, tl.min(low_sum, 0))
    tl.store(here + 3 * step, tl.max(high_sum, 0))
    tl.store(here + 4 * step, tl.sum(n_nan, 0).to(tl.float32))
