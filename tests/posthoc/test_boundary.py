"""Two temperatures, by the distance to the boundary that the logits draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter, minimum_filter

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.posthoc.boundary import BoundaryTemperature, fit_boundary_temperature


def disc(seed, near=3.0, far=1.5):
    """Logits of a disc that are too sure by one factor at its rim and by another elsewhere, and labels."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((40, 40)) - 19.5
    honest = np.where(np.hypot(y, x) < 12, 1.0, -1.0) * rng.uniform(0.5, 3.0, (40, 40))
    band = BoundaryTemperature(1.0, 1.0, pixels=2).band(torch.from_numpy(np.stack([-honest, honest]))).numpy()
    labels = (rng.random((40, 40)) < 1 / (1 + np.exp(-honest))).astype(np.int64)
    logits = honest * np.where(band, near, far)
    return torch.from_numpy(np.stack([np.zeros_like(logits), logits])), torch.from_numpy(labels)


@settings(max_examples=25)
@given(st.integers(0, 500), st.integers(1, 3), st.integers(-3, 2))
def test_the_band_is_where_a_window_holds_two_classes(seed, pixels, axis):
    logits = torch.randn(3, 4, 9, 8, generator=torch.Generator().manual_seed(seed))
    logits[0] += 3
    size = [2 * pixels + 1] * 3
    size[axis] = 1
    classes = logits.argmax(0).numpy()
    expected = maximum_filter(classes, size, mode="nearest") != minimum_filter(classes, size, mode="nearest")
    got = BoundaryTemperature(1.0, 1.0, pixels, slice_axis=axis).band(logits)
    np.testing.assert_array_equal(got.numpy(), expected)


def test_the_segmentation_does_not_change():
    logits, _ = disc(0)
    got = BoundaryTemperature(5.0, 0.5)(logits)
    assert torch.equal(got.argmax(0), logits.argmax(0))
    assert not torch.equal(got, logits)


def test_both_temperatures_come_back():
    local = fit_boundary_temperature([disc(seed) for seed in range(40)], pixels=2)
    assert local.near == pytest.approx(3.0, rel=0.1)
    assert local.far == pytest.approx(1.5, rel=0.1)
    assert local.pixels == 2


def test_a_mask_keeps_everything_else_out():
    cases = []
    for seed in range(10):
        logits, labels = disc(seed)
        inside = torch.ones(40, 40, dtype=torch.bool)
        inside[:10] = False
        cases.append((logits, torch.where(inside, labels, 1 - labels), inside))
    assert fit_boundary_temperature(cases, pixels=2).far == pytest.approx(1.5, rel=0.25)


def test_one_side_that_is_all_right_is_named():
    logits, labels = disc(0)
    band = BoundaryTemperature(1.0, 1.0, pixels=2).band(logits)
    labels = torch.where(band, labels, logits.argmax(0))
    with pytest.raises(DataError, match="rises without end") as caught:
        fit_boundary_temperature([(logits, labels)], pixels=2)
    assert "far from the predicted boundary" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"near": 0.0}, "temperature must be positive"),
        ({"pixels": 0}, "pixels must be an integer >= 1, got 0"),
        ({"pixels": 1.5}, "pixels must be an integer >= 1, got 1.5"),
        ({"slice_axis": 3}, r"slice_axis must be an integer in \[-3, 3\), the axis of a 3D grid.*got 3"),
        ({"slice_axis": 1.0}, "slice_axis must be an integer.*got 1.0"),
    ],
)
def test_arguments_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        BoundaryTemperature(**{"near": 1.0, "far": 1.0, **options})


def test_a_line_has_no_band():
    with pytest.raises(ArgumentError, match=r"a grid of 2 or 3 dimensions, got \(2, 4\)"):
        BoundaryTemperature(1.0, 1.0)(torch.zeros(2, 4))


def test_what_can_be_read_only_once_is_refused():
    with pytest.raises(ArgumentError, match="readable several times"):
        fit_boundary_temperature(disc(seed) for seed in range(2))
