"""How long a training is: the trainer's own length, or what the environment says, cycles in proportion."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ckpt_uq.cycles import Cycles, cycles_ending_at, integer
from ckpt_uq.errors import ArgumentError

EPOCHS = "CKPT_UQ_EPOCHS"
ITERATIONS = "CKPT_UQ_ITERATIONS"
VALIDATION_ITERATIONS = "CKPT_UQ_VALIDATION_ITERATIONS"


def from_environment(name: str, default: int, environ: Mapping[str, str] = os.environ) -> int:
    """Return a positive whole number that a variable holds, or the default where it is not set.

    Raises
    ------
    ArgumentError
        The variable holds something else.

    Examples
    --------
    >>> from_environment(EPOCHS, 800, {"CKPT_UQ_EPOCHS": "40"}), from_environment(EPOCHS, 800, {})
    (40, 800)
    """
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentError(f"{name} must be a whole number >= 1, got {text!r}; unset it for {default}")
    return int(text)


def scaled_cycles(ends: Sequence[int], n_epochs: int) -> Cycles:
    """Cycles of a run of another length, which end at the same fractions of it.

    Parameters
    ----------
    ends : sequence of int
        Epochs at which the cycles of the whole run end; the last one is its length.
    n_epochs : int
        Length of the run to be; ends are rounded to whole epochs, halves up.

    Raises
    ------
    ArgumentError
        The run is so short that a cycle would vanish.

    Examples
    --------
    >>> scaled_cycles([100, 200, 400, 800], 40).lengths
    (5, 5, 10, 20)
    """
    n_epochs = integer("n_epochs", n_epochs)
    whole = cycles_ending_at(ends).end or 0
    moved = [(2 * end * n_epochs + whole) // (2 * whole) for end in ends]
    if any(a >= b for a, b in pairwise([0, *moved])):
        raise ArgumentError(
            f"n_epochs must leave every one of {len(ends)} cycles an epoch, got {n_epochs}, with ends at "
            f"{moved}; train longer"
        )
    return cycles_ending_at(moved)
