r"""Power of two in single precision, without branches or calls.

With n the integer nearest to y and f = y - n, :math:`2^y = 2^n 2^f`: the first factor by its bits, the second
by the polynomial of degree 6 whose largest relative error is least (2e-9, far below what rounding adds).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import bits_float, float_bits
from ckpt_uq.kernels.jit import inline

LOWEST = np.float32(-126)
"""Below it lie subnormal powers."""

_C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(c)
    for c in (
        0.6931472028550362,
        0.24022647913629433,
        0.05550332471180399,
        0.0096184373579478,
        0.0013398874397314367,
        0.00015353361788707093,
    )
)
_ROUNDER = np.float32(1.5 * 2**23)  # what is added to it loses its fraction
_ROUNDER_BITS = _ROUNDER.view(np.int32)


@inline
def exp2(y: Any) -> Any:
    """2**y of a float32 in [-126, 127]; NaN for NaN."""
    shifted = y + _ROUNDER
    n = np.int32(float_bits(shifted) - _ROUNDER_BITS)
    f = y - (shifted - _ROUNDER)
    power = _C6
    power = power * f + _C5
    power = power * f + _C4
    power = power * f + _C3
    power = power * f + _C2
    power = power * f + _C1
    power = power * f + np.float32(1)
    return power * bits_float(np.int32(np.int32(n + np.int32(127)) << np.int32(23)))
