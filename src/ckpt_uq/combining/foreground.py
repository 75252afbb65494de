"""All foreground classes as one."""

from __future__ import annotations

import numpy as np

from ckpt_uq.prediction import Prediction


def as_foreground(prediction: Prediction) -> Prediction:
    """The same prediction over two classes: background, and whatever is not.

    Examples
    --------
    >>> prediction = Prediction.from_probs(np.array([[0.5], [0.25], [0.25]]))
    >>> as_foreground(prediction).mean_prob.tolist()
    [[0.5], [0.5]]
    """
    background = np.clip(prediction.mean_prob[0], 0, 1)
    return Prediction.from_probs(np.stack([background, 1 - background]))
