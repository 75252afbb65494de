r"""Binary logarithm in single precision, without branches or calls.

With :math:`p = 2^e (1 + t)`, :math:`0 \le t < 1`, the bits of p without the bias, read as an integer and
divided by :math:`2^{23}`, are :math:`e + t`. What is missing is :math:`\log_2(1 + t) - t`, which is 0 at both
ends: t times a polynomial of degree 6, the one whose largest error is least among those that are 0 at 1
(3.3e-7). At p = 1 the result is exactly 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.kernels.bits import bits_float, float_bits
from ckpt_uq.kernels.jit import inline

SCALE = 2.0**23
"""Of :func:`scaled_log2`; leaving it to the caller saves a multiplication a class."""

_C0, _C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(SCALE * c)
    for c in (
        0.4426664401431416,
        -0.720554237179011,
        0.47332419133537157,
        -0.3251401871640527,
        0.19302965540186026,
        -0.07853497116116091,
        0.01520910862385228,
    )
)
_ONE, _MANTISSA = np.int32(0x3F800000), np.int32(0x007FFFFF)


@inline
def scaled_log2(p: Any) -> Any:
    """2**23 log2(p) of a float32; some finite number for 0, subnormal ones and what has no logarithm."""
    bits = float_bits(p)
    t = bits_float(np.int32(np.int32(bits & _MANTISSA) | _ONE)) - np.float32(1)
    missing = _C6
    missing = missing * t + _C5
    missing = missing * t + _C4
    missing = missing * t + _C3
    missing = missing * t + _C2
    missing = missing * t + _C1
    missing = missing * t + _C0
    return missing * t + np.float32(np.int32(bits - _ONE))
