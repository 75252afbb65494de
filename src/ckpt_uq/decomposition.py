"""Total uncertainty taken apart: what every member is unsure of, and what they disagree about."""

from __future__ import annotations

import torch
from torch import Tensor

from ckpt_uq.errors import ArgumentError
from ckpt_uq.maps import class_entropy, predictive_entropy
from ckpt_uq.moments import EnsembleMoments


def total_entropy(m: EnsembleMoments) -> Tensor:
    r"""Entropy of the mean prediction, per voxel: total uncertainty.

    .. math:: H[\bar p], \qquad \bar p = \frac{1}{n} \sum_i p_i

    Parameters
    ----------
    m : EnsembleMoments
        Moments of n members over C classes, or K regions, and a grid S.

    Returns
    -------
    Tensor
        Shape S, bits, in [0, log2 C]; for regions the sum of their binary entropies, in [0, K].
    """
    if m.outputs == "regions":
        summed: Tensor = class_entropy(m.mean_prob).sum(0)
        return summed
    entropy: Tensor = predictive_entropy(m.mean_prob)
    return entropy


def expected_entropy(m: EnsembleMoments) -> Tensor:
    r"""Mean of the members' entropies, per voxel: aleatoric uncertainty, as far as the members tell.

    .. math:: \frac{1}{n} \sum_i H[p_i]

    Parameters
    ----------
    m : EnsembleMoments
        Moments of n members on a grid S.

    Returns
    -------
    Tensor
        Shape S, bits.

    Raises
    ------
    ArgumentError
        If the moments hold only a mean that was made elsewhere.
    """
    if m.n_members == 0:
        raise ArgumentError(
            "expected entropy and mutual information need the members' own entropies, but no member was "
            "seen, only their mean; predict with a CheckpointEnsemble"
        )
    return m.mean_entropy


def mutual_information(m: EnsembleMoments) -> Tensor:
    r"""Disagreement between the members, per voxel: epistemic uncertainty.

    .. math:: I = H[\bar p] - \frac{1}{n} \sum_i H[p_i]

    Parameters
    ----------
    m : EnsembleMoments
        Moments of n members on a grid S.

    Returns
    -------
    Tensor
        Shape S, bits, in [0, total entropy]; 0 for a single member.

    Raises
    ------
    ArgumentError
        If the moments hold only a mean that was made elsewhere.

    References
    ----------
    .. [1] Houlsby et al. (2011), arXiv:1112.5745.

    Examples
    --------
    >>> from ckpt_uq import moments
    >>> m = moments.init(2, (1,), outputs="probs")
    >>> moments.update(m, torch.tensor([[1.0], [0.0]]))
    >>> moments.update(m, torch.tensor([[0.0], [1.0]]))
    >>> mutual_information(m)
    tensor([1.])
    """
    own = expected_entropy(m)
    if m.n_members == 1:
        return torch.zeros_like(own)  # what rounding would leave is no disagreement
    return (total_entropy(m) - own).clamp_(min=0)


def variance(m: EnsembleMoments) -> Tensor:
    r"""Variance of each probability over the members.

    .. math:: \frac{1}{n} \sum_i (p_i - \bar p)^2

    Parameters
    ----------
    m : EnsembleMoments
        Moments that were made with ``variance=True``.

    Returns
    -------
    Tensor
        Shape (C, \*S), in [0, 1/4]; 0 for a single member.

    Raises
    ------
    ArgumentError
        If the variance was not kept.
    """
    if m.scatter is None or m.n_members == 0:
        raise ArgumentError("the variance over members was not kept; make the ensemble with variance=True")
    return m.scatter / m.total_weight
