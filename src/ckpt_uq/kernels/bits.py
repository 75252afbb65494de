"""The bits of floating-point numbers, inside compiled loops.

Bits of numbers that are not negative rise with the numbers, so that integers, whose order the compiler may
rely on, compare in place of floats. NaN stands above infinity; what is negative has negative bits.

And what is true of 64 numbers in a row, as the bits of one integer.
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


def _trailing_zeros(_: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return word(word), generate


trailing_zeros = cast(Callable[[Any], Any], intrinsic(_trailing_zeros))
"""How many bits of an integer, which is not 0, are 0 below the first that is 1."""

_VOXELS = 64


def _load(context: Any, builder: Any, signature: Any, array: Any, at: Any, bits: int) -> Any:
    """A vector of 64 elements of an array."""
    data = context.make_array(signature)(context, builder, array).data
    vector = ir.VectorType(ir.IntType(bits), _VOXELS)
    loaded = builder.load(builder.bitcast(builder.gep(data, [at]), vector.as_pointer()))
    loaded.align = bits // 8  # no more is known
    return loaded


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector of 64 times the same."""
    vector = ir.VectorType(number.type, _VOXELS)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), _VOXELS), [0] * _VOXELS)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)


def _as_word(builder: Any, truths: Any) -> Any:
    return builder.bitcast(truths, ir.IntType(_VOXELS))


def _matches(_: Any, numbers: Any, at: Any, mask: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = _load(context, builder, signature.args[0], arguments[0], arguments[1], 8)
        masked = builder.and_(loaded, _everywhere(builder, arguments[2]))
        return _as_word(builder, builder.icmp_unsigned("==", masked, _everywhere(builder, arguments[3])))

    return types.uint64(numbers, types.intp, types.uint8, types.uint8), generate


matches = cast(Callable[[Any, Any, Any, Any], Any], intrinsic(_matches))
"""Bit i of a uint64: whether byte ``at + i`` of a flat array, in the bits of ``mask``, is ``value``.

All 64 bytes must be there.
"""


def _alike(_: Any, numbers: Any, others: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        here, there = (
            _load(context, builder, signature.args[i], arguments[i], arguments[2], 8) for i in (0, 1)
        )
        return _as_word(builder, builder.icmp_unsigned("==", here, there))

    return types.uint64(numbers, others, types.intp), generate


alike = cast(Callable[[Any, Any, Any], Any], intrinsic(_alike))
"""Bit i of a uint64: whether bytes ``at + i`` of two flat arrays are the same; all 64 must be there."""


def _above(_: Any, numbers: Any, at: Any, limit: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = _load(context, builder, signature.args[0], arguments[0], arguments[1], 32)
        return _as_word(builder, builder.icmp_signed(">", loaded, _everywhere(builder, arguments[2])))

    return types.uint64(numbers, types.intp, types.int32), generate


above = cast(Callable[[Any, Any, Any], Any], intrinsic(_above))
"""Bit i of a uint64: whether the bits of float32 ``at + i`` exceed an int32; all 64 must be there."""
