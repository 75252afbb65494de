"""Ensemble statistics the plain way: every member in memory, SciPy's entropy."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, softmax
from scipy.stats import entropy


def member_probs(output, outputs):
    if outputs == "logits":
        return softmax(np.asarray(output, np.float64), axis=0)
    return expit(np.asarray(output, np.float64)) if outputs == "regions" else np.asarray(output, np.float64)


def member_labels(output, outputs):
    probs = member_probs(output, outputs)
    if outputs == "regions":
        return sum(2**k * (region > 0.5) for k, region in enumerate(probs))
    return probs.argmax(axis=0)


def bits(probs, outputs):
    if outputs == "regions":
        return entropy(np.stack([probs, 1 - probs]), base=2, axis=0).sum(axis=0)
    return entropy(probs, base=2, axis=0)


def ensemble(members, outputs, weights=None):
    probs = np.stack([member_probs(m, outputs) for m in members])
    weights = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
    mean = np.average(probs, axis=0, weights=weights)
    total = bits(mean, outputs)
    expected = np.average([bits(p, outputs) for p in probs], axis=0, weights=weights)
    return {
        "mean_prob": mean,
        "predictive_entropy": total,
        "expected_entropy": expected,
        "mutual_information": total - expected,
        "variance": np.average((probs - mean) ** 2, axis=0, weights=weights),
    }
