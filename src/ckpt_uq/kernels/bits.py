"""The bits of floating-point numbers, inside compiled loops.

Bits of numbers that are not negative rise with the numbers, so that integers, whose order the compiler may
rely on, compare in place of floats. NaN stands above infinity; what is negative has negative bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
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


def _matches(_: Any, numbers: Any, at: Any, mask: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        vector = ir.VectorType(ir.IntType(8), 64)
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), vector.as_pointer())
        loaded = builder.load(place)
        loaded.align = 1

        def everywhere(number: Any) -> Any:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)

        masked = builder.and_(loaded, everywhere(arguments[2]))
        return builder.bitcast(builder.icmp_unsigned("==", masked, everywhere(arguments[3])), ir.IntType(64))

    return types.uint64(numbers, types.intp, types.uint8, types.uint8), generate


matches = cast(Callable[[Any, Any, Any, Any], Any], intrinsic(_matches))
"""Bit i of a uint64: whether byte ``at + i`` of a flat array, in the bits of ``mask``, is ``value``.

All 64 bytes must be there.
"""
