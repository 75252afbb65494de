"""Mean probability of several members and the mean of their own entropies, from their logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case, softmax
from task import Array, Task, largest_difference


def ours_again(case: Case) -> Callable[[], Any]:
    """Into moments that are there."""
    import torch

    from ckpt_uq import moments

    members = [torch.from_numpy(logits) for logits in case.members()]
    m = moments.init(case.n_classes, case.grid)

    def run() -> tuple[Any, Any]:
        moments.clear(m)
        moments.update_many(m, members)
        return m.mean_prob, m.mean_entropy

    return run


def ours_together(case: Case) -> Callable[[], Any]:
    import torch

    from ckpt_uq import moments

    members = [torch.from_numpy(logits) for logits in case.members()]

    def run() -> tuple[Any, Any]:
        m = moments.init(case.n_classes, case.grid)
        moments.update_many(m, members)
        return m.mean_prob, m.mean_entropy

    return run


def ours(case: Case) -> Callable[[], Any]:
    import torch

    from ckpt_uq import moments

    members = [torch.from_numpy(logits) for logits in case.members()]

    def run() -> tuple[Any, Any]:
        m = moments.init(case.n_classes, case.grid)
        for logits in members:
            moments.update(m, logits)
        return m.mean_prob, m.mean_entropy

    return run


def torch_stack(case: Case) -> Callable[[], Any]:
    """Keeps every member until the end."""
    import torch

    members = [torch.from_numpy(logits) for logits in case.members()]

    def run() -> tuple[Any, Any]:
        probs = torch.stack([logits.softmax(0) for logits in members])
        return probs.mean(0), torch.special.entr(probs).sum(1).mean(0) / math.log(2)

    return run


def torch_running(case: Case) -> Callable[[], Any]:
    """Adds members up."""
    import torch

    members = [torch.from_numpy(logits) for logits in case.members()]

    def run() -> tuple[Any, Any]:
        total = torch.zeros(case.n_classes, *case.grid)
        entropy = torch.zeros(case.grid)
        for logits in members:
            probs = logits.softmax(0)
            total += probs
            entropy += torch.special.entr(probs).sum(0)
        return total / len(members), entropy / (len(members) * math.log(2))

    return run


def numpy_running(case: Case) -> Callable[[], Any]:
    """Adds members up, in NumPy."""
    members = list(case.members())

    def run() -> tuple[Array, Array]:
        total, entropy = np.zeros_like(members[0]), np.zeros(case.grid, np.float32)
        for logits in members:
            probs = softmax(logits)
            total += probs
            entropy -= (probs * np.log2(probs, out=np.zeros_like(probs), where=probs > 0)).sum(0)
        return total / len(members), entropy / len(members)

    return run


def truth(case: Case) -> tuple[Array, Array]:
    """In float64, slice by slice."""
    mean, entropy = np.empty((case.n_classes, *case.grid)), np.empty(case.grid)
    shares = np.bincount([i % len(case.logits) for i in range(case.n_members)]) / case.n_members
    for z in range(case.grid[0]):
        probs = [_softmax64(logits[:, z].astype(np.float64)) for logits in case.logits[: len(shares)]]
        mean[:, z] = sum(share * p for share, p in zip(shares, probs, strict=True))
        entropy[z] = -sum(share * (p * np.log2(p)).sum(0) for share, p in zip(shares, probs, strict=True))
    return mean, entropy


def _softmax64(logits: Array) -> Array:
    probs = np.exp(logits - logits.max(0))
    return probs / probs.sum(0)


def difference(result: Any, expected: Any) -> float:
    """Of probabilities and bits, the larger."""
    return max(largest_difference(mine, right) for mine, right in zip(result, expected, strict=True))


TORCH_RUNNING = "torch, running"

TASK = Task(
    ours={
        "ckpt_uq, update_many, out=": ours_again,
        "ckpt_uq, update_many": ours_together,
        "ckpt_uq, update": ours,
    },
    peers={"torch, stacked": torch_stack, TORCH_RUNNING: torch_running, "NumPy, running": numpy_running},
    truth=truth,
    difference=difference,
    floor=lambda case: (list(case.members()), [case.probs, case.entropy]),
)
