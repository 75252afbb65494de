"""Vectors of 64 numbers, inside compiled loops.

The compiler makes vector operations of a loop where it can; these say what is done with 64 numbers at once
where it can not, as when the numbers of a group decide what is done with them. They go through as many
registers as the processor needs. What is true of each of the 64 is a vector of bits, or one word of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, register_model

from ckpt_uq.kernels.jit import inline, instruction

WORD = 64
"""Numbers of a vector, bits of a word."""
ALL = np.uint64(2**64 - 1)
"""A word of which every bit is set."""


class Vector(types.Type):
    """The type of 64 numbers, or of 64 truths."""

    def __init__(self, element: Any) -> None:
        self.element = element
        super().__init__(name=f"Vector({element})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        register = ir.VectorType(_REGISTERS[vector.element], WORD)
        super().__init__(manager, vector, register)  # type: ignore[no-untyped-call]


_REGISTERS = {
    types.boolean: ir.IntType(1),
    types.uint8: ir.IntType(8),
    types.int16: ir.IntType(16),
    types.int32: ir.IntType(32),
    types.int64: ir.IntType(64),
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
}


def _of_vectors(symbol: Any, build: Callable[..., Any], result: Any = None) -> None:
    """Let an operator take two vectors, or a vector and a number, which is in every place of another."""

    @infer_global(symbol)  # type: ignore[no-untyped-call]
    class Typed(AbstractTemplate):
        def generic(self, arguments: Any, _: Any) -> Any:
            vector = next((each for each in arguments if isinstance(each, Vector)), None)
            if vector is None or len(arguments) != 2:
                return None
            found = Vector(result) if result else vector
            return signature(found, *_operands(vector, arguments))  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        element = next(each.element for each in typed.args if isinstance(each, Vector))
        return build(builder, element, *_as_vectors(builder, typed.args, arguments))

    for operands in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(symbol, *operands)(generate)  # type: ignore[no-untyped-call]


def _operands(vector: Vector, given: Any) -> list[Any]:
    """Types of operands: vectors as they are, numbers as what a vector consists of."""
    return [each if isinstance(each, Vector) else vector.element for each in given]


def _as_vectors(builder: Any, kinds: Any, operands: Any) -> list[Any]:
    pairs = zip(kinds, operands, strict=True)
    return [operand if isinstance(kind, Vector) else _everywhere(builder, operand) for kind, operand in pairs]


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector of 64 times the same."""
    vector = ir.VectorType(number.type, WORD)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), WORD), [0] * WORD)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)


def _arithmetic(name: str) -> Callable[..., Any]:
    def build(builder: Any, element: Any, one: Any, other: Any) -> Any:
        prefix = "f" if isinstance(element, types.Float) else ""
        return getattr(builder, prefix + name)(one, other)

    return build


def _comparison(sign: str) -> Callable[..., Any]:
    def build(builder: Any, element: Any, one: Any, other: Any) -> Any:
        if isinstance(element, types.Float):
            return builder.fcmp_ordered(sign, one, other)
        return (builder.icmp_signed if element.signed else builder.icmp_unsigned)(sign, one, other)

    return build


_of_vectors(operator.add, _arithmetic("add"))
_of_vectors(operator.sub, _arithmetic("sub"))
_of_vectors(operator.mul, _arithmetic("mul"))
_of_vectors(operator.and_, _arithmetic("and_"))
_of_vectors(operator.or_, _arithmetic("or_"))
_of_vectors(operator.eq, _comparison("=="), types.boolean)
_of_vectors(operator.le, _comparison("<="), types.boolean)
_of_vectors(operator.ge, _comparison(">="), types.boolean)
_of_vectors(operator.gt, _comparison(">"), types.boolean)


@instruction
def load(_: Any, array: Any, at: Any) -> Any:
    """What a flat array, or a pointer, has from ``at`` on; all 64 must be there."""

    def generate(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        address = _address(context, builder, typed, arguments)
        loaded = builder.load(address)
        loaded.align = array.dtype.bitwidth // 8  # no more is known
        return loaded

    return Vector(array.dtype)(array, types.intp), generate


@instruction
def store(_: Any, array: Any, at: Any, vector: Any) -> Any:
    """Write 64 numbers into a flat array, or behind a pointer, from ``at`` on."""

    def generate(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[2], _address(context, builder, typed, arguments))
        stored.align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), generate


def _address(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
    memory, first = typed.args[0], arguments[0]
    if isinstance(memory, types.Array):
        first = context.make_array(memory)(context, builder, first).data
    vector = context.get_value_type(Vector(memory.dtype))
    return builder.bitcast(builder.gep(first, [arguments[1]]), vector.as_pointer())


def _converting(how: str, targets: dict[Any, Any]) -> Callable[..., Any]:
    def convert(_: Any, vector: Any) -> Any:
        result = Vector(targets[vector.element])

        def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
            return getattr(builder, how)(arguments[0], context.get_value_type(result))

        return result(vector), generate

    return instruction(convert)


bits_of = _converting("bitcast", {types.float32: types.int32, types.float64: types.int64})
"""The bits of floating-point numbers, as signed integers; see :mod:`ckpt_uq.kernels.bits`."""

doubles = _converting("fpext", {types.float32: types.float64})
"""Numbers in single precision, in double."""

integers = _converting("fptosi", {types.float64: types.int32})
"""Whole numbers in double precision, as int32; what does not fit becomes anything."""


@instruction
def round_up(_: Any, vector: Any) -> Any:
    """The next whole numbers."""

    def generate(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return _call(builder, f"llvm.ceil.v{WORD}f{vector.element.bitwidth}", arguments[0].type, arguments)

    return vector(vector), generate


@instruction
def total(_: Any, vector: Any) -> Any:
    """The sum; of floating-point numbers the first half is added to the other until one is left."""

    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        (numbers,), n = arguments, WORD
        if isinstance(vector.element, types.Integer):
            name = f"llvm.vector.reduce.add.v{WORD}i{numbers.type.element.width}"
            return _call(builder, name, numbers.type.element, arguments)
        while n > 1:
            n //= 2
            one, other = (_part(builder, numbers, first, n) for first in (0, n))
            numbers = builder.fadd(one, other)
        return builder.extract_element(numbers, ir.IntType(32)(0))

    return vector.element(vector), generate


def _part(builder: Any, numbers: Any, first: int, n: int) -> Any:
    places = ir.Constant(ir.VectorType(ir.IntType(32), n), list(range(first, first + n)))
    return builder.shuffle_vector(numbers, ir.Constant(numbers.type, ir.Undefined), places)


def _call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    kind = ir.FunctionType(result, [each.type for each in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, arguments)


@instruction
def where(_: Any, truths: Any, ones: Any, others: Any) -> Any:
    """Where it is true one number, else the other."""

    def generate(_context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        return builder.select(*_as_vectors(builder, typed.args, arguments))

    vector = ones if isinstance(ones, Vector) else others
    return vector(truths, *_operands(vector, (ones, others))), generate


@instruction
def as_word(_: Any, truths: Any) -> Any:
    """64 truths as the bits of a uint64."""

    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(WORD))

    return types.uint64(truths), generate


@instruction
def as_truths(_: Any, word: Any) -> Any:
    """The bits of a uint64 as 64 truths."""
    result = Vector(types.boolean)

    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(result))

    return result(types.uint64), generate


@instruction
def filled(_: Any, number: Any) -> Any:
    """64 times the same."""

    def generate(_context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return _everywhere(builder, arguments[0])

    return Vector(number)(number), generate


@instruction
def places(_: Any) -> Any:
    """0 to 63, as int32."""
    result = Vector(types.int32)

    def generate(context: Any, __: Any, ___: Any, ____: Any) -> Any:
        return ir.Constant(context.get_value_type(result), list(range(WORD)))

    return result(), generate


@inline
def first_bits(n: int) -> Any:
    """A word of which the first n bits are set, or all."""
    return ALL if n >= WORD else ALL >> np.uint64(WORD - n)
