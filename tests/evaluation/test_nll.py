"""Likelihood of the truth, against torch's and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.nll import FLOOR, nll, nll_terms
from strategies import distributions


@given(distributions(dtypes=("float32", "float64"), min_side=1), st.integers(0, 99))
def test_it_is_the_mean_of_minus_the_log(probs, seed):
    labels = np.random.default_rng(seed).integers(0, len(probs), probs.shape[1:])
    each = [-math.log(max(float(probs[(k, *where)]), FLOOR)) for where, k in np.ndenumerate(labels)]
    assert nll(probs, labels) == pytest.approx(math.fsum(each) / len(each), abs=1e-12)


def test_torch_agrees():
    logits = torch.randn(1, 4, 50, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.randint(4, (50, 60), generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.cross_entropy(logits, labels[None]).item()
    assert nll(logits.softmax(1)[0], labels) == pytest.approx(expected, rel=1e-12)


def test_certainty_about_the_wrong_class_costs_no_more_than_the_floor():
    assert nll(np.array([[1.0], [0.0]]), np.array([1])) == pytest.approx(-math.log(1e-12))


def test_a_mask_keeps_everything_else_out():
    probs = np.array([[0.5, np.nan, 0.25], [0.5, np.nan, 0.75]])
    labels, mask = np.array([0, 255, 1]), np.array([True, False, True])
    assert nll(probs, labels, mask=mask) == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2)
    assert nll_terms(probs, labels, mask=mask).n_voxels == 2


def test_terms_of_cases_pool():
    rng = np.random.default_rng(0)
    cases = [(rng.dirichlet([1, 1, 1], n).T, rng.integers(0, 3, n)) for n in (10, 300)]
    terms = [nll_terms(*case) for case in cases]
    probs, labels = (np.concatenate(parts, axis=-1) for parts in zip(*cases, strict=True))
    pooled = sum(t.nats for t in terms) / sum(t.n_voxels for t in terms)
    assert pooled == pytest.approx(nll(probs, labels), rel=1e-12)


def test_an_empty_mask_has_no_likelihood():
    assert math.isnan(nll(np.full((2, 3), 0.5), np.zeros(3, int), mask=np.zeros(3, bool)))


@pytest.mark.parametrize(
    ("probs", "labels", "mask", "message"),
    [
        (np.full((2, 3), 2.0), np.zeros(3, int), None, r"probs must lie in \[0, 1\].*not logits"),
        (np.full((2, 3), np.nan), np.zeros(3, int), None, "probs must be numbers, got 3 NaN"),
        (np.full((2, 3), 1), np.zeros(3, int), None, "probs must be of a floating-point dtype"),
        (np.full((2, 3), 0.5), np.full(3, 2), None, r"labels must lie in \[0, 2\)"),
        (np.full((2, 3), 0.5), np.zeros(4, int), None, r"labels must be integers on a grid of shape \(3,\)"),
        (np.full((2, 3), 0.5), np.zeros(3, int), np.zeros(3, int), "mask must be boolean"),
    ],
)
def test_what_makes_no_sense_is_refused(probs, labels, mask, message):
    with pytest.raises(ArgumentError, match=message):
        nll(probs, labels, mask=mask)
