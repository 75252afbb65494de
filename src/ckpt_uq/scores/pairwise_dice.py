"""How much the members' segmentations differ from each other."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.confusion import confusion
from ckpt_uq.scores._mask import require_class

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction

DiceOf = Literal["class", "generalised"]


class PairCounts(NamedTuple):
    """Voxels of every pair of members, int64, shape (pairs, C); the pairs are (0, 1), (0, 2), ..., (1, 2)."""

    both: np.ndarray[Any, Any]
    """Voxels that both give the class, or region."""
    either: np.ndarray[Any, Any]
    """Voxels that the one gives it, plus those that the other does."""


def pairwise_dice(prediction: Prediction, class_index: int, *, of: DiceOf = "class") -> float:
    r"""One minus the mean Dice of all pairs of members.

    .. math:: 1 - \frac{1}{\binom M2} \sum_{i < j} D(s_i, s_j), \qquad
        D = \frac{2 |A_i \cap A_j|}{|A_i| + |A_j|}

    Spacing does not matter: voxels have one volume. The field of view does not matter either, but resolution
    does: thin and small objects lose more Dice to the same shift in mm. Members count alike, whatever their
    weights.

    Parameters
    ----------
    prediction : Prediction
        Of an ensemble of at least two members that was made with ``labels=True``.
    class_index : int
        The class, or region, that A are the voxels of; background, too, has a Dice.
    of : {'class', 'generalised'}
        Dice of this class; or of all foreground classes (or all regions) together, their voxels summed above
        and below the line, whatever `class_index` says.

    Returns
    -------
    float
        In [0, 1]. A pair that both lack the class agrees: its Dice is 1.

    Raises
    ------
    ArgumentError
        If there is no such class, there is one member only, or the members' labels were not kept.

    See Also
    --------
    pair_counts : counts of all classes in one pass.

    References
    ----------
    .. [1] A. G. Roy et al. (2019), NeuroImage 195.
    .. [2] M. Zenk et al. (2025), Medical Image Analysis 101, arXiv:2406.03323.
    .. [3] W. R. Crum et al. (2006), IEEE TMI 25(11), generalised overlap with uniform weights.

    Examples
    --------
    >>> import torch
    >>> from ckpt_uq.ensemble import CheckpointEnsemble
    >>> ensemble = CheckpointEnsemble([lambda x: x, lambda x: x.roll(1, dims=-1)], labels=True)
    >>> prediction = ensemble.predict(torch.tensor([[0.0, 0.0, 9.0, 9.0], [9.0, 9.0, 0.0, 0.0]]))
    >>> pairwise_dice(prediction, class_index=1)
    0.5
    """
    require_class(prediction, class_index)
    if of not in get_args(DiceOf):
        raise ArgumentError(f"of must be one of {get_args(DiceOf)}, got {of!r}")
    both, either = pair_counts(prediction)
    if of == "class":
        both, either = both[:, class_index], either[:, class_index]
    else:
        first = 0 if prediction.region_order is not None else 1  # classes start with background
        both, either = both[:, first:].sum(axis=1), either[:, first:].sum(axis=1)
    dice = np.ones(len(both))
    np.divide(2 * both, either, out=dice, where=either > 0)
    return float(1 - dice.mean())


def pair_counts(prediction: Prediction) -> PairCounts:
    """Count common voxels and sizes of every class for every pair of members, one pair at a time.

    Parameters
    ----------
    prediction : Prediction
        As for :func:`pairwise_dice`.

    Returns
    -------
    PairCounts

    Raises
    ------
    ArgumentError
        As :func:`pairwise_dice` does.
    """
    labels = on_host(prediction.member_labels, "prediction")
    if len(labels) < 2:
        raise ArgumentError("pairwise Dice needs at least two members, got 1; there is no pair to compare")
    counts = _of_classes if prediction.region_order is None else _of_regions
    terms = [counts(a, b, prediction.n_classes) for a, b in combinations(labels, 2)]
    return PairCounts(*(np.stack(part) for part in zip(*terms, strict=True)))


def _of_classes(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], n_classes: int) -> PairCounts:
    counts = confusion(a, b, n_classes).counts
    return PairCounts(np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def _of_regions(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], n_regions: int) -> PairCounts:
    each = [_of_classes(a >> k & 1, b >> k & 1, 2) for k in range(n_regions)]
    return PairCounts(*(np.array([part[1] for part in parts]) for parts in zip(*each, strict=True)))
