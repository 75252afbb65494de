"""Prediction in nnU-Net's way, all at once and in double precision; the slow twin of what is streamed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from skimage.transform import resize

Array = npt.NDArray[np.float64]


def resample(logits, shape, current_spacing, new_spacing):
    """Linear, class by class in double precision, given back in the precision that came."""
    logits = np.asarray(logits)
    if logits.shape[1:] == tuple(shape):
        return logits
    classes = [
        resize(one.astype(np.float64), shape, order=1, mode="edge", anti_aliasing=False) for one in logits
    ]
    return np.stack(classes).astype(logits.dtype)


def native_probs(logits, placement, *, regions=False) -> Array:
    """Probabilities of one member on the image's own grid, the image's own axes."""
    box = resample(logits, placement.box_shape, None, None).astype(np.float64)
    inside = 1 / (1 + np.exp(-box)) if regions else softmax(box, axis=0)
    whole = np.zeros((len(logits), *placement.shape))
    if not regions:
        whole[0] = 1
    whole[:, *(slice(*ends) for ends in placement.box)] = inside
    return whole.transpose(0, *(1 + placement.axes.index(axis) for axis in range(3)))
