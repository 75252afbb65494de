"""Several samples of a segmentation against several raters: distances between label maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ckpt_uq.arrays import on_host
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.confusion import confusion
from ckpt_uq.probabilities import require_classes, require_labels


def label_maps(maps: Any, n_classes: int, name: str) -> np.ndarray[Any, Any]:
    """Check label maps of shape (n, *S), n >= 1, with labels in [0, n_classes)."""
    labels = on_host(maps, name)
    require_labels(labels, labels.shape, name)
    if labels.ndim < 2 or len(labels) < 1:
        raise ArgumentError(f"{name} must be label maps (n, *S) with n >= 1, got shape {labels.shape}")
    if labels.size:
        require_classes(int(labels.min()), int(labels.max()), n_classes, name)
    return labels


def sample_and_rater_maps(
    samples: Any, raters: Any, n_classes: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Check samples (M, *S) and raters (R, *S) of one grid."""
    ours, theirs = label_maps(samples, n_classes, "samples"), label_maps(raters, n_classes, "raters")
    if ours.shape[1:] != theirs.shape[1:]:
        raise ArgumentError(
            f"raters must lie on the grid of samples, {ours.shape[1:]}, got {theirs.shape[1:]}"
        )
    return ours, theirs


def overlaps(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], n_classes: int) -> tuple[Any, Any]:
    """Voxels that both give each foreground class, and the sum of both sizes; int64, shape (C - 1,)."""
    counts = confusion(a, b, n_classes).counts
    return np.diag(counts)[1:], (counts.sum(axis=0) + counts.sum(axis=1))[1:]
