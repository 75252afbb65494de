"""The bits of floating-point numbers, inside compiled loops.

Bits of numbers that are not negative rise with the numbers, so that integers, whose order the compiler may
rely on, compare in place of floats. NaN stands above infinity; what is negative has negative bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from numba import types
from numba.extending import intrinsic


def _reinterpreting(source: Any, target: Any) -> Callable[[Any], Any]:
    def reinterpret(_: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast(Callable[[Any], Any], intrinsic(reinterpret))


float_bits = _reinterpreting(types.float32, types.int32)
"""int32 with the bits of a float32."""

bits_float = _reinterpreting(types.int32, types.float32)
"""float32 with the bits of an int32."""

double_bits = _reinterpreting(types.float64, types.int64)
"""int64 with the bits of a float64."""


def _count_ones(_: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


count_ones = cast(Callable[[Any], Any], intrinsic(_count_ones))
"""How many bits of an integer are set."""
