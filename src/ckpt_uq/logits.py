"""From probabilities to logits and back."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

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
