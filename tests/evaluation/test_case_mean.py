"""Means that say what they leave out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.evaluation.case_mean import case_mean


@given(st.lists(st.one_of(st.just(math.nan), st.floats(-1e6, 1e6)), max_size=20))
def test_the_mean_of_those_that_have_a_value(values):
    known = [value for value in values if not math.isnan(value)]
    mean, n_nan = case_mean(values)
    assert n_nan == len(values) - len(known)
    assert mean == pytest.approx(math.fsum(known) / len(known) if known else math.nan, abs=1e-9, nan_ok=True)
    assert type(mean) is float


def test_infinity_is_not_hidden():
    assert case_mean(np.array([1.0, math.inf])).mean == math.inf
