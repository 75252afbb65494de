"""The largest distance of two cumulated sums, against the sorted samples in exact rationals."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_uq.calibration.kolmogorov_smirnov import ks_error
from ordered_samples import binary, samples, segmentation_like, sketched, top_label
from reference import ordered as reference


def test_by_hand():
    # cumulated: 1 - 1/4 = 3/4, 3/4 - 1/2 = 1/4, 1/4 - 3/4 = -1/2
    by_hand = Fraction(3, 4) / 3
    assert ks_error(binary([0.75, 0.25, 0.5], [0, 1, 0]), class_index=1) == (float(by_hand), 0.0)


@settings(max_examples=60)
@given(samples())
def test_the_exact_error_is_within_the_bound_and_never_below(case):
    got, exact = ks_error(sketched(*case)), float(reference.ks_error(top_label(*case)))
    assert -1e-12 <= exact - got.value <= got.bound + 1e-12


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=40))
def test_few_confidences_are_exact(pairs):
    drawn = [(eighths / 8, hit) for eighths, hit in pairs]
    got = ks_error(binary(*zip(*drawn, strict=True)), class_index=1)
    assert got.bound == 0.0
    assert got.value == pytest.approx(float(reference.ks_error(drawn)), abs=1e-12)


@pytest.mark.parametrize("hits_first", [True, False])
def test_the_bound_holds_for_samples_in_the_worst_order(hits_first):
    drawn = [(0.3 + 1e-6 * i, i < 3 if hits_first else i > 6) for i in range(10)]  # 3 of 10, as said
    got = ks_error(binary(*zip(*drawn, strict=True)), class_index=1)
    exact = float(reference.ks_error(drawn))
    assert exact - got.value > 0.05
    assert exact - got.value <= got.bound + 1e-12


def test_the_bound_is_narrow_where_there_are_many_voxels():
    probs, labels = segmentation_like(grid=(10, 100, 100))
    assert ks_error(sketched(probs, labels)).bound < 1e-3


def test_classes_are_averaged():
    sketch = sketched(*segmentation_like(), "class_wise")
    each = [ks_error(sketch, class_index=k).value for k in range(3)]
    assert ks_error(sketch).value == pytest.approx(sum(each) / 3)
