"""Say which member's output was no prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ckpt_uq.errors import MemberError
from ckpt_uq.moments.state import EnsembleMoments
from ckpt_uq.probabilities import TOLERANCE


def verify(m: EnsembleMoments, names: Sequence[str]) -> None:
    """Raise for the first member whose output was no prediction; reads from the device once.

    Parameters
    ----------
    m : EnsembleMoments
        Moments of at least one member.
    names : sequence of str
        The members' names, in the order of the updates.

    Raises
    ------
    MemberError
        Naming the member and what it returned.
    """
    suspicions = [seen.to(m.mean_prob.dtype) for seen in (m.softmaxed, _squashed_twice(m))]
    softmaxed, squashed, *faults = torch.stack([*suspicions, *m.faults]).tolist()
    if squashed:
        raise MemberError(
            f"members {', '.join(names[:3])} returned values between 0 and 1 where outputs='regions' expects "
            "logits; for a model that ends in a sigmoid pass output=torch.logit, or it would be taken twice"
        )
    if softmaxed:
        raise MemberError(
            f"member {names[0]} returned probabilities (>= 0 and summing to 1 over the classes) where "
            "outputs='logits' expects logits; pass outputs='probs', or softmax would be taken twice"
        )
    for name, fault in zip(names, faults, strict=True):
        if math.isnan(fault):
            raise MemberError(
                f"member {name} returned values that are no prediction (NaN, infinite or, as probabilities, "
                "negative); check its weights and that the input is finite, or leave the member out"
            )
        if fault > TOLERANCE:
            raise MemberError(
                f"member {name} returned probabilities whose sum over the classes is {fault:.3g} away from "
                "1; pass outputs='logits' if they are logits, outputs='regions' if the classes overlap"
            )


def _squashed_twice(m: EnsembleMoments) -> Tensor:
    """Whether the means of regions look like sigmoids of probabilities near 0 and 1, still on the device.

    Those lie between 1/2 and 0.731, and fill that. Logits would have to be between 0 and 1 everywhere.
    """
    if m.outputs != "regions" or m.mean_prob.numel() == 0:
        return torch.zeros((), dtype=torch.bool, device=m.mean_prob.device)
    low, high = torch.aminmax(m.mean_prob)
    return (low >= 0.5) & (high < 0.7311) & (high - low > 0.2)
