"""The smoothed error against its integral, computed image by mirror image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from ckpt_uq.calibration.smooth import NARROWEST, smooth_ece
from ordered_samples import binary, samples, segmentation_like, sketched, top_label
from reference import ordered as reference


@pytest.mark.parametrize("seed", range(3))
def test_the_error_is_the_width_that_equals_it(seed):
    rng = np.random.default_rng(seed)
    p = rng.choice([0.0, 0.1, 0.35, 0.5, 0.8, 1.0], 12)
    hits = rng.random(12) < 0.5
    got = smooth_ece(binary(p, hits), class_index=1)
    drawn = list(zip(p.tolist(), hits.tolist(), strict=True))
    assert got.bound == 0.0
    assert got.value > 0.05
    assert reference.smoothed_error(drawn, got.value) == pytest.approx(got.value, abs=1e-5)


def test_one_confidence_by_hand():
    # a single residual keeps its mass however it is smoothed: |1/4 - 5/8|
    assert smooth_ece(binary([0.625] * 4, [1, 0, 0, 0]), class_index=1).value == pytest.approx(
        0.375, abs=1e-9
    )


@settings(max_examples=8)
@given(samples())
def test_the_exact_error_is_within_the_bound(case):
    got, drawn = smooth_ece(sketched(*case)), top_label(*case)
    low, high = got.value - got.bound - 2e-3, got.value + got.bound + 2e-3
    if got.value > 0.02:  # narrower kernels would need a finer reference
        # smoothing only lowers it, so the crossing lies between where it is above and where it is below
        assert reference.smoothed_error(drawn, high, 400) <= high
        if low > 0.02:
            assert reference.smoothed_error(drawn, low, 400) >= low


def test_truth_as_said_has_nearly_no_error():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert smooth_ece(binary(p, rng.random(200_000) < p), class_index=1).value < 0.01
    assert smooth_ece(binary([0.5, 0.5], [0, 1]), class_index=1).value < NARROWEST


def test_cells_cost_next_to_nothing_where_there_are_many_voxels():
    probs, labels = segmentation_like(grid=(2, 100, 100))
    got = smooth_ece(sketched(probs, labels))
    p, hits = np.array(top_label(probs.reshape(3, -1), labels.ravel())).T
    t, density = (np.arange(2000) + 0.5) / 2000, 0.0
    for images in (p, -p, 2 - p):
        for part in np.array_split(np.arange(len(p)), 40):
            kernel = np.exp(-0.5 * ((t[:, None] - images[part]) / got.value) ** 2)
            density = density + kernel @ (hits - p)[part] / (got.value * np.sqrt(2 * np.pi))
    assert np.abs(density).mean() / len(p) == pytest.approx(got.value, abs=1e-5)
    assert got.bound < 0.05


def test_classes_are_averaged():
    sketch = sketched(*segmentation_like(), "class_wise")
    each = [smooth_ece(sketch, class_index=k).value for k in range(3)]
    assert smooth_ece(sketch).value == pytest.approx(sum(each) / 3)
