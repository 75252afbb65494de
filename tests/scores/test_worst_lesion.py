"""Connected components and their uncertainty, against scikit-image's."""

from __future__ import annotations

import math

import cc3d
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from ckpt_uq.errors import ArgumentError
from ckpt_uq.prediction import Prediction
from ckpt_uq.scores.worst_lesion import lesions, worst_lesion
from reference.entropy import entropy_map
from strategies import masks, predictions, spacings


@given(predictions(min_ndim=2), st.integers(0, 2), st.booleans(), st.sampled_from([0.0, 2.0]), st.data())
def test_as_the_regions_of_scikit_image(prediction, k, diagonal, min_mm3, data):
    probs = prediction.mean_prob
    ndim = probs.ndim - 1
    spacing = data.draw(spacings(ndim))
    bits = entropy_map(probs)
    regions = regionprops(label(probs[k] > 0.5, connectivity=ndim if diagonal else 1), bits)
    expected = sorted(
        (region.num_pixels * math.prod(spacing), region.intensity_mean, region.intensity_max)
        for region in regions
        if region.num_pixels * math.prod(spacing) >= min_mm3
    )
    options = {"spacing": spacing, "diagonal": diagonal, "min_mm3": min_mm3}
    found = lesions(prediction, k, **options)
    assert [one.n_voxels for one in found] == sorted((one.n_voxels for one in found), reverse=True)
    got = sorted((one.mm3, one.mean_bits, one.max_bits) for one in found)
    np.testing.assert_allclose(
        np.array(got).reshape(-1, 3), np.array(expected).reshape(-1, 3), rtol=1e-5, atol=1e-6
    )
    worst = max((mean for _, mean, _ in expected), default=math.nan)
    assert worst_lesion(prediction, k, **options) == pytest.approx(worst, abs=1e-6, nan_ok=True)


@given(masks(min_side=1), st.booleans())
def test_as_the_components_of_cc3d(mask, diagonal):
    # as uint8: of boolean masks in 2D with 8 neighbours cc3d 4.1.1 numbers voxels outside
    labels = cc3d.connected_components(mask.astype(np.uint8), connectivity=26 if diagonal else 6)
    p = mask.astype(np.float64)
    found = lesions(Prediction.from_probs(np.stack([1 - p, p])), 1, diagonal=diagonal)
    sizes = sorted(np.bincount(labels[mask])[1:].tolist(), reverse=True)
    assert [one.n_voxels for one in found] == sizes
    for one in found:
        inside = labels[one.box][mask[one.box]]
        assert (inside == np.argmax(np.bincount(inside))).sum() == one.n_voxels


def test_a_doubtful_lesion_among_sure_ones_shows():
    p = np.zeros((5, 9))
    p[0:4, 0:4] = 1.0
    p[2, 7] = 0.6
    prediction = Prediction.from_probs(np.stack([1 - p, p]))
    sure, doubtful = lesions(prediction, 1)
    assert (sure.n_voxels, sure.mean_bits, sure.mean_prob) == (16, 0.0, 1.0)
    assert doubtful.mean_prob == 0.6
    assert p[doubtful.box].tolist() == [[0.6]]
    assert worst_lesion(prediction, 1) == pytest.approx(doubtful.mean_bits)
    assert worst_lesion(prediction, 1, min_mm3=2.0) == 0.0
    assert worst_lesion(prediction, 1, min_mm3=2.0, spacing=(4.0, 1.0)) > 0.9


def test_what_touches_is_decided_by_the_grid():
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    prediction = Prediction.from_probs(np.stack([1 - p, p]))
    for spacing in ((1.0, 1.0), (9.0, 1.0)):
        assert len(lesions(prediction, 1, spacing=spacing)) == 1
        assert len(lesions(prediction, 1, spacing=spacing, diagonal=False)) == 2


@pytest.mark.parametrize("min_mm3", [-1.0, math.nan])
def test_a_volume_below_zero_is_refused(min_mm3):
    with pytest.raises(ArgumentError, match="min_mm3 must be a volume >= 0"):
        worst_lesion(Prediction.from_probs(np.full((2, 4), 0.5)), 0, min_mm3=min_mm3)
