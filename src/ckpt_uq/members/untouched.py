"""The caller's model and random state come back as they were, also after an error."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Put a module in eval mode, then every submodule back in the mode it had.

    Threads may share a module: the last one to leave gives the modes back.
    """
    with _lock:
        n_users, modes = _in_use.get(id(module), (0, []))
        if n_users == 0:
            modes = [(part, part.training) for part in module.modules()]
            module.eval()
        _in_use[id(module)] = n_users + 1, modes
    try:
        yield
    finally:
        with _lock:
            n_users, modes = _in_use.pop(id(module))
            if n_users > 1:
                _in_use[id(module)] = n_users - 1, modes
            else:
                for part, training in modes:
                    part.training = training  # not .train(), which would take the children along


_in_use: dict[int, tuple[int, list[tuple[torch.nn.Module, bool]]]] = {}
_lock = threading.Lock()


@contextmanager
def same_random_state() -> Iterator[None]:
    """Give back the random states of torch (all devices), NumPy and Python as they were on entry.

    The states are the process's: with several threads they are those of whoever entered last.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(
            devices=range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
        ):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
