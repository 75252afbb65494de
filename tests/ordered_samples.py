"""What the tests of the sketch's errors have in common."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ckpt_uq.calibration.sketch import CalibrationSketch
from strategies import distributions


@st.composite
def samples(draw):
    """Probabilities (C, N) and labels (N,), at least one."""
    probs = draw(distributions(min_classes=2, dtypes=("float16", "float32", "float64"), min_side=1))
    probs = probs.reshape(len(probs), -1)
    labels = draw(st.lists(st.integers(0, len(probs) - 1), min_size=probs.shape[1], max_size=probs.shape[1]))
    return probs, np.array(labels, np.int64)


def sketched(probs, labels, kind="top_label", *, mask=None, **options):
    sketch = CalibrationSketch(kind, **options)
    sketch.update(probs, labels, mask=mask)
    return sketch


def binary(confidences, hits, **options):
    """Sketch whose class 1 has these probabilities, and is the label where there is a hit."""
    p = np.asarray(confidences, np.float64)
    return sketched(np.stack([1 - p, p]), np.asarray(hits, np.int64), "class_wise", **options)


def top_label(probs, labels):
    """Confidence and correctness of every sample."""
    p = np.minimum(probs.astype(np.float64), 1)
    return list(zip(p.max(axis=0).tolist(), (p.argmax(axis=0) == labels).tolist(), strict=True))


def segmentation_like(seed=0, grid=(6, 60, 60), n_classes=3):
    """Most voxels are all but certain, as in an image."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (n_classes, *grid)) + 12 * (np.arange(n_classes) == 0)[:, None, None, None]
    probs = np.exp(logits - logits.max(axis=0))
    probs = (probs / probs.sum(axis=0)).astype(np.float32)
    labels = (probs.cumsum(axis=0) < rng.random(grid)).sum(axis=0).clip(0, n_classes - 1)
    return probs, labels.astype(np.uint8)
