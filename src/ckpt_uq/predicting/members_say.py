"""What each member says of a case: scores of their disagreement, and their label maps on disk."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.pairwise_dice import pairwise_dice
from ckpt_uq.scores.volume_spread import volume_spread

OF_MEMBERS: dict[str, Callable[[Prediction, int], float]] = {
    "pairwise_dice": pairwise_dice,
    "volume_spread": volume_spread,
}


def member_scores(prediction: Prediction) -> dict[str, float]:
    """Scores that need the members' own labels, for each foreground class, or each region.

    Examples
    --------
    >>> from ckpt_uq.ensemble import CheckpointEnsemble
    >>> ensemble = CheckpointEnsemble([lambda x: x, lambda x: x], labels=True, outputs="probs")
    >>> member_scores(ensemble.predict(np.array([[1.0, 0.0], [0.0, 1.0]])))
    {'score_pairwise_dice_class_1': 0.0, 'score_volume_spread_class_1': 0.0}
    """
    regions = prediction.region_order is not None
    indices: Sequence[int] = range(prediction.n_classes) if regions else range(1, prediction.n_classes)
    kind = "region" if regions else "class"
    return {
        f"score_{name}_{kind}_{index}": score(prediction, index)
        for name, score in OF_MEMBERS.items()
        for index in indices
    }


def write_member_labels(path: Path, prediction: Prediction) -> None:
    """Write the members' label maps (M, z, y, x), uint8, whole or not at all."""
    packed = io.BytesIO()
    np.savez_compressed(packed, labels=np.asarray(prediction.member_labels))
    write_bytes_atomic(path, packed.getvalue())
