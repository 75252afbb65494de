"""Calibration of a billion voxels in memory that does not grow. Prints JSON."""

from __future__ import annotations

import json
import time
from fractions import Fraction

import numpy as np
from resident import peak_extra_mb

from ckpt_uq.calibration.bins import CalibrationBins

STEP = 1 << 20


def main(n_voxels: int) -> None:
    """Update with one block again and again; the truth is an exact rational."""
    confidence, n_wrong = np.float32(0.9995), STEP * 3 // 100
    probs = np.empty((2, STEP), np.float32)
    probs[0], probs[1] = confidence, 1 - confidence
    labels = np.zeros(STEP, np.uint8)
    labels[:n_wrong] = 1
    bins = CalibrationBins()
    bins.update(probs[:, :1024], labels[:1024])  # compiles
    bins = CalibrationBins()

    def count() -> None:
        while bins.n_samples < n_voxels:
            bins.update(probs, labels)

    started = time.perf_counter()
    extra = peak_extra_mb(count)
    seconds = time.perf_counter() - started
    truth = float(Fraction(float(confidence)) - Fraction(STEP - n_wrong, STEP))
    found = {
        "n_voxels": bins.n_samples,
        "extra_mb": extra,
        "seconds": round(seconds, 1),
        "ece": bins.ece(),
        "truth": truth,
        "float32_stops_at": 2**24,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
