"""The bits of floating-point numbers, inside compiled loops.

Bits of numbers that are not negative rise with the numbers, so that integers, whose order the compiler may
rely on, compare in place of floats. NaN stands above infinity; what is negative has negative bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from ckpt_uq.kernels.jit import instruction


def _reinterpreting(source: Any, target: Any) -> Callable[..., Any]:
    def reinterpret(_: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return instruction(reinterpret)


float_bits = _reinterpreting(types.float32, types.int32)
"""int32 with the bits of a float32."""

bits_float = _reinterpreting(types.int32, types.float32)
"""float32 with the bits of an int32."""

double_bits = _reinterpreting(types.float64, types.int64)
"""int64 with the bits of a float64."""


@instruction
def count_ones(_: Any, word: Any) -> Any:
    """How many bits of an integer are set."""

    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


@instruction
def trailing_zeros(_: Any, word: Any) -> Any:
    """How many bits of an integer, which is not 0, are 0 below the first that is 1."""

    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return word(word), generate
