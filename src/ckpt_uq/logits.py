"""From probabilities to logits and back, and between logits by the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from ckpt_uq.errors import ArgumentError

FLOOR = 1e-12
"""Probabilities below count as this one: softmax in single precision may return 0."""


def as_logits(probs: Tensor, outputs: Literal["probs", "regions"]) -> Tensor:
    r"""Logarithms of class probabilities (C, \*S), or the log odds of regions'; finite, float32 or wider.

    Examples
    --------
    >>> import torch
    >>> as_probabilities(as_logits(torch.tensor([0.0, 0.25, 0.75]), "probs"), "probs")
    tensor([1.0000e-12, 2.5000e-01, 7.5000e-01])
    """
    if probs.itemsize < 4:
        probs = probs.float()  # the floor is 0 in half precision
    logarithm = probs.clamp_min(FLOOR).log()
    return logarithm if outputs == "probs" else logarithm - (1 - probs).clamp_min(FLOOR).log()


def as_probabilities(logits: Tensor, outputs: Literal["probs", "regions"]) -> Tensor:
    r"""Softmax over classes, logits of shape (C, \*S), or the sigmoid of each region."""
    return logits.softmax(0) if outputs == "probs" else logits.sigmoid()


def transformed(transform: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    r"""Call the user's transform of logits (C, \*S), or say what it did wrong.

    Raises
    ------
    ArgumentError
        If it cannot be called, or returns anything but numbers of the same shape.

    Examples
    --------
    >>> import torch
    >>> transformed(lambda logits: logits / 2, torch.tensor([[3.0], [1.0]])).ravel()
    tensor([1.5000, 0.5000])
    """
    if not callable(transform):
        raise ArgumentError(
            f"transform must be a function of logits, got {transform!r}; for a temperature T pass "
            "lambda logits: logits / T"
        )
    mapped: object = transform(logits)
    if not isinstance(mapped, Tensor):
        raise ArgumentError(
            f"transform must return a tensor of logits, got {type(mapped).__name__}; a function that changes "
            "its argument in place must return it too"
        )
    if mapped.shape != logits.shape or not mapped.is_floating_point():
        raise ArgumentError(
            f"transform must return logits of the shape it got, {tuple(logits.shape)}, got "
            f"{tuple(mapped.shape)} of {mapped.dtype}"
        )
    return mapped
