"""A training loop to be killed: scores and weights follow from the epoch, so every run must end alike."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import torch

from ckpt_uq.selection import PeakCheckpointSelector

SETTINGS: dict[str, Any] = {"cycles": [10, 10, 20, 40], "k": 3}
N_EPOCHS = 80


def score(epoch: int) -> float:
    """Rises within and across cycles, except for the second cycle, with noise; sometimes there is none."""
    noise = random.Random(epoch).random()
    level = 0.3 if 10 <= epoch < 20 else 0.4 + 0.002 * epoch
    return math.nan if epoch % 17 == 0 else level + 0.1 * noise


def model(epoch: int) -> torch.nn.Module:
    torch.manual_seed(epoch)
    return torch.nn.Linear(200, 100)


def train(folder: Path, replay: int, ready: Any) -> None:
    """Go on where the run stands, or up to ``replay`` epochs before, like a trainer that seldom saves."""
    torch.set_num_threads(1)
    ready.set()
    selector = PeakCheckpointSelector(folder, **SETTINGS)
    start = selector.last_epoch + 1
    for epoch in range(start - start % (replay + 1), N_EPOCHS):
        selector.step(epoch, score(epoch), model(epoch), lr=0.1)
