"""Members' probabilities combined all at once: load everything, average, take SciPy's entropy."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.special import entr


def entropy(p, axis: int) -> np.ndarray:
    """Bits; unlike scipy.stats.entropy without rescaling halves, whose sum is 1 only nearly."""
    return entr(p).sum(axis) / np.log(2)


def combined(members, weights=None) -> dict[str, np.ndarray]:
    """Mean, segmentation, entropy and mutual information of probabilities (M, C, *S), in float64."""
    probs = np.asarray(members, np.float64)
    mean = np.average(probs, axis=0, weights=weights)
    total = entropy(mean, axis=0)
    own = np.average(entropy(probs, axis=1), axis=0, weights=weights)
    return {"mean": mean, "segmentation": mean.argmax(0), "entropy": total, "mutual_information": total - own}


def combined_regions(members, order) -> dict[str, np.ndarray]:
    """The same for overlapping regions, which are painted one over the other."""
    probs = np.asarray(members, np.float64)
    mean = probs.mean(0)
    labels = np.zeros(mean.shape[1:], int)
    for region, label in zip(mean, order, strict=True):
        labels[region > 0.5] = label

    def summed(p, axis):
        return entropy(np.stack([p, 1 - p]), axis=0).sum(axis)

    total = summed(mean, 0)
    return {
        "mean": mean,
        "segmentation": labels,
        "entropy": total,
        "mutual_information": total - summed(probs, 1).mean(0),
    }


def contour_score(bits, mask, slice_axis: int) -> float:
    """Entropy per voxel of the in-plane contour of a mask (z, y, x)."""
    element = np.zeros((3, 3, 3), bool)
    planes = [axis for axis in range(3) if axis != slice_axis]
    element[1, 1, 1] = True
    for axis in planes:
        for step in (0, 2):
            index = [1, 1, 1]
            index[axis] = step
            element[tuple(index)] = True
    ring = binary_dilation(mask, element) & ~mask
    return bits.sum() / ring.sum() if ring.any() else float("nan")
