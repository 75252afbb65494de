"""Saved members of one case, streamed into predictions of a few slices each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ckpt_uq import moments
from ckpt_uq.errors import DataError
from ckpt_uq.io.probabilities import SavedProbabilities
from ckpt_uq.prediction import Prediction, of_moments

SLAB_VALUES = 1 << 21
"""Probabilities of one member in a slab; the memory needed is a small multiple of this."""


def slab_predictions(
    members: Sequence[SavedProbabilities],
    weights: Sequence[float],
    region_order: tuple[int, ...] | None = None,
) -> Iterator[Prediction]:
    """Average the members' probabilities, some slices at a time.

    Parameters
    ----------
    members : sequence of SavedProbabilities
        On one grid, with the same classes.
    weights : sequence of float
        One a member.
    region_order : tuple of int, optional
        For independent regions instead of classes: the label that each one paints.

    Yields
    ------
    Prediction
        Of the next slices, NumPy arrays.

    Raises
    ------
    DataError
        Members differ in shape.
    MemberError
        Naming the file whose numbers are no probabilities.
    """
    require_same_shape(members)
    n_classes, n_slices, *plane = members[0].shape
    depth = slab_depth(members[0].shape)
    streams = [member.slabs(depth) for member in members]
    names = [str(member.path) for member in members]
    for start in range(0, n_slices, depth):
        grid = (min(depth, n_slices - start), *plane)
        m = moments.init(n_classes, grid, outputs="probs" if region_order is None else "regions")
        for stream, weight in zip(streams, weights, strict=True):
            probs = torch.from_numpy(next(stream))
            # Regions are averaged as probabilities too, but come into moments as logits.
            moments.update(m, probs if region_order is None else probs.float().logit(), weight=weight)
        moments.verify(m, names)
        yield of_moments(m, region_order, torch.Tensor.numpy)


def slab_depth(shape: Sequence[int]) -> int:
    """Slices in a slab of probabilities (C, z, y, x).

    Examples
    --------
    >>> slab_depth((4, 300, 512, 512)), slab_depth((118, 300, 512, 512)), slab_depth((2, 5, 8, 8))
    (2, 1, 5)
    """
    n_classes, n_slices, *plane = shape
    return min(n_slices, max(1, SLAB_VALUES // (n_classes * plane[0] * plane[1])))


def require_same_shape(members: Sequence[SavedProbabilities]) -> None:
    """Raise DataError unless all members have the first one's classes and grid."""
    first = members[0]
    for member in members[1:]:
        if member.shape != first.shape:
            raise DataError(
                f"{member.path} must have the shape (C, z, y, x) of {first.path}, {first.shape}, got "
                f"{member.shape}; is it the same case, predicted with the same labels?"
            )
