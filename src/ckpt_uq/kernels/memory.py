"""Memory by its address, inside compiled loops."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types

from ckpt_uq.kernels.jit import inline, instruction

Array = np.ndarray[Any, Any]


@inline
def floats_at(address: int, n_rows: int, n_columns: int) -> Any:
    """View float32 of shape (n_rows, n_columns), without gaps; who asks keeps them alive.

    For loops over arrays of which there may be any number.
    """
    return numba.carray(_pointer(address), (n_rows, n_columns))  # type: ignore[attr-defined]


@instruction
def _pointer(_: Any, address: Any) -> Any:
    pointer = types.CPointer(types.float32)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(address), generate


@instruction
def start_of(_: Any, array: Any) -> Any:
    """A pointer to where a C array begins; who asks keeps the array alive.

    References to arrays are counted whenever a step with branches takes them; those to their memory are not.
    """
    pointer = types.CPointer(array.dtype)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
        return context.make_array(typed.args[0])(context, builder, arguments[0]).data

    return pointer(array), generate


@instruction
def read_ahead(_: Any, pointer: Any, at: Any) -> Any:
    """Let what is ``at`` elements from a pointer, even if no array is there, come from memory meanwhile."""

    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        address = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(prefetch, [address, flag(0), flag(3), flag(1)])  # data, to read, into all caches
        return context.get_dummy_value()

    return types.none(pointer, types.intp), generate
