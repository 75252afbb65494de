"""Whether a member among others that return logits has taken the softmax already."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ckpt_uq.errors import MemberError
from ckpt_uq.probabilities import TOLERANCE

_MOST_VOXELS = 4096


def looks_softmaxed(output: Tensor) -> Tensor:
    r"""Whether a batch (B, C, \*S) looks like class probabilities rather than logits.

    At most 4096 voxels of each image are looked at, spread evenly over its grid: logits that are >= 0 and sum
    to one in all of those are no accident. Nothing is read back from the device.

    Examples
    --------
    >>> logits = torch.randn(1, 3, 8, 8)
    >>> bool(looks_softmaxed(logits)), bool(looks_softmaxed(logits.softmax(1)))
    (False, True)
    """
    if output.numel() == 0:
        return torch.zeros((), dtype=torch.bool, device=output.device)
    grid = output.shape[2:]
    a_side = int(_MOST_VOXELS ** (1 / max(len(grid), 1)) + 1e-9)
    seen = output.detach()[:, :, *(slice(None, None, -(-size // a_side)) for size in grid)].float()
    return (seen.amin() >= 0) & ((seen.sum(1) - 1).abs().amax() < TOLERANCE)


def require_alike(names: Sequence[str], softmaxed: Sequence[Tensor]) -> None:
    """Raise MemberError for a member that returned probabilities where the first one returned logits.

    Parameters
    ----------
    names : sequence of str
        The members', the first one's left out.
    softmaxed : sequence of Tensor
        What :func:`looks_softmaxed` said of each; read from the device once.
    """
    if not names:
        return
    for name, found in zip(names, torch.stack(list(softmaxed)).tolist(), strict=True):
        if found:
            raise MemberError(
                f"member {name} returned probabilities (>= 0 and summing to 1 over the classes) where the "
                "first member returned logits, as outputs='logits' expects; let it return logits too, as "
                "lambda x: member(x).log(), or softmax would be taken twice"
            )
