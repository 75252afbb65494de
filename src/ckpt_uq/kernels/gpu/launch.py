"""When Triton's loops can be used, and what their launches share."""

from __future__ import annotations

import os
import shutil
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from ckpt_uq.probabilities import ProbRange

BLOCK = 1024
"""Voxels that a program works on at a time."""
BLOCKS_AT_MOST = 4096
"""Programs of loops that keep sums of their own."""
OLDEST = (8, 0)
"""Compute capability that the loops are compiled and checked for, and all later ones."""

_SINGLE = (torch.float16, torch.bfloat16, torch.float32)


def usable(*tensors: Tensor) -> bool:
    """Whether tensors lie on one processor that Triton compiles for, and are at most single precision."""
    first = tensors[0]
    return (
        first.is_cuda
        and all(t.device == first.device for t in tensors)
        and all(t.dtype in _SINGLE for t in tensors if t.is_floating_point())
        and all(t.numel() > 0 for t in tensors)
        and _has_triton()
        and torch.cuda.get_device_capability(first.device) >= OLDEST
    )


@cache
def _has_triton() -> bool:
    """Triton links what it launches with the C compiler of the machine."""
    compilers = (os.environ.get("CC"), "clang", "gcc")
    return find_spec("triton") is not None and any(name and shutil.which(name) for name in compilers)


def n_blocks(n: int, block: int = BLOCK) -> int:
    """Blocks that hold n voxels."""
    return -(-n // block)


def new_range(n_programs: int, beside: Tensor) -> Tensor:
    """Where every program writes what it saw: smallest, largest, smallest sum, largest sum, number of NaN."""
    return torch.empty((5, n_programs), dtype=torch.float32, device=beside.device)


def read_range(seen: Tensor) -> ProbRange:
    """The range of all programs; the only transfer from the device."""
    lowest, highest, lowest_sum, highest_sum, n_nan = seen.unbind()
    numbers = (lowest.amin(), highest.amax(), lowest_sum.amin(), highest_sum.amax(), n_nan.sum())
    return ProbRange(*torch.stack(numbers).tolist())
