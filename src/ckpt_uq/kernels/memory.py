"""Arrays by their address, for loops over arrays of which there may be any number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from ckpt_uq.kernels.jit import inline

Array = np.ndarray[Any, Any]


@inline
def floats_at(address: int, n_rows: int, n_columns: int) -> Any:
    """View float32 of shape (n_rows, n_columns), without gaps; who asks keeps them alive."""
    return numba.carray(_pointer(address), (n_rows, n_columns))  # type: ignore[attr-defined]


def _as_pointer(_: Any, address: Any) -> Any:
    pointer = types.CPointer(types.float32)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(address), generate


_pointer = cast(Callable[[Any], Any], intrinsic(_as_pointer))
