"""Everything that is asked of a volume, one after the other by the naive twins."""

from __future__ import annotations

import numpy as np

from reference.bins import bins_of, top_label
from reference.contour import contour_sizes_scipy
from reference.entropy import entropy_map


def analysis(probs, labels, inside, n_bins, contour, element, axis):
    """Entropy, segmentation, contour voxels (C, Z), entropy bits (Z,), bins, confusion."""
    p = np.asarray(probs, np.float64)
    segmentation = p.argmax(0)
    regions = [p[k] > 0.5 if contour == "threshold" else segmentation == k for k in range(len(p))]
    bits = entropy_map(p)
    confusion = np.zeros((len(p), len(p)), np.int64)
    for truth, guess in zip(labels[inside], segmentation[inside], strict=True):
        confusion[truth, guess] += 1
    voxels = p[:, inside].T.tolist()
    return {
        "entropy": bits,
        "segmentation": segmentation,
        "entropy_bits": slices(bits, axis).sum(axis=(1, 2)),
        "contour_voxels": np.stack([contour_sizes_scipy(slices(r, axis), element) for r in regions]),
        "bins": bins_of(*top_label(voxels, labels[inside].tolist()), n_bins),
        "confusion": confusion,
    }


def slices(array, axis):
    """A grid of one to three dimensions as slices of two."""
    while array.ndim < 3:
        array, axis = array[None], 0
    return np.moveaxis(array, axis, 0)
