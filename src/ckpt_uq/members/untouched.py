"""The caller's model and random state come back as they were, also after an error."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Put a module in eval mode, then every submodule back in the mode it had."""
    in_training = [part for part in module.modules() if part.training]
    try:
        module.eval()
        yield
    finally:
        for part in in_training:
            part.training = True  # not .train(), which would take the children along


@contextmanager
def same_random_state() -> Iterator[None]:
    """Give back the random states of torch (all devices), NumPy and Python as they were on entry."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(
            devices=range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
        ):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
