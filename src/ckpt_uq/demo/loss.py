"""The soft Dice loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-5


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    r"""One minus the soft Dice of the foreground classes, each pooled over the whole batch.

    .. math:: 1 - \frac1{C-1} \sum_{c \ge 1} \frac{2 \sum p_c y_c + \epsilon}{\sum p_c + \sum y_c + \epsilon}

    Parameters
    ----------
    logits : Tensor
        Shape (B, C, y, x).
    labels : Tensor
        Shape (B, y, x), int64. A class absent from the batch has next to no gradient: epsilon is 1e-5, for a
        large one drives rare classes to zero for good.

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([[[0, 1], [1, 1]]])
    >>> dice_loss(100.0 * F.one_hot(labels).movedim(-1, 1).float(), labels)
    tensor(0.)
    """
    probs = logits.softmax(dim=1)[:, 1:]
    truth = F.one_hot(labels, logits.shape[1]).movedim(-1, 1)[:, 1:]
    both = (probs * truth).sum(dim=(0, 2, 3))
    either = probs.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    return 1 - ((2 * both + EPSILON) / (either + EPSILON)).mean()
