"""Conformal risk control: the rule by hand, and its guarantee over a thousand draws."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ckpt_uq.conformal.families import margins, outer_margin, outer_threshold, thresholds
from ckpt_uq.conformal.losses import missed_lesions, missed_voxels
from ckpt_uq.conformal.risk import control_risk
from ckpt_uq.errors import ArgumentError, DataError


def test_by_hand():
    losses = [[1.0, 0.5, 0.25, 0.0], [1.0, 1.0, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.25, 0.25]]
    for alpha in (0.21, 0.26, 0.3, 0.41, 0.5, 0.61, 0.95):  # on no border, where rounding decides
        rows = [[Fraction(x) for x in row] for row in losses]
        allowed = [j for j in range(4) if (sum(row[j] for row in rows) + 1) / 5 <= Fraction(alpha)]
        if allowed:
            assert control_risk(losses, [0, 1, 2, 3], alpha) == allowed[0]
        else:
            with pytest.raises(DataError, match=r"with 4 cases; at least 4 are needed"):
                control_risk(losses, [0, 1, 2, 3], alpha)


@pytest.mark.parametrize("alpha", [0.1, 0.3])
@pytest.mark.parametrize("n_cases", [15, 60])
def test_the_guarantee_holds_over_a_thousand_draws(n_cases, alpha):
    # a case misses everything that is harder than lambda, by its own slope: no two curves are alike
    rng, lambdas, n_draws = np.random.default_rng(n_cases), np.linspace(0, 1, 101), 1000
    start, slope = rng.uniform(0, 1, (n_draws, n_cases + 1)), rng.uniform(0.2, 5, (n_draws, n_cases + 1))
    losses = np.clip(start[..., None] - slope[..., None] * (lambdas - start[..., None] / 2), 0, 1)
    losses[..., -1] = 0.0
    chosen = [control_risk(draw[:-1], lambdas, alpha) for draw in losses]
    at = np.searchsorted(lambdas, chosen)
    test_loss = losses[np.arange(n_draws), -1, at]
    error = test_loss.std() / np.sqrt(n_draws)
    assert test_loss.mean() <= alpha + 3 * error
    assert test_loss.mean() >= alpha - 2 / (n_cases + 1) - 3 * error - 0.02  # and it is not bought by caution


def test_without_the_finite_sample_term_the_guarantee_would_fail():
    rng, lambdas, alpha = np.random.default_rng(0), np.linspace(0, 1, 201), 0.2
    needs = rng.random((1000, 10))  # each case is lost whole below its own lambda
    losses = (needs[..., None] > lambdas).astype(float)
    careful = np.array([control_risk(draw[:-1], lambdas, alpha) for draw in losses])
    naive = lambdas[(losses[:, :-1].mean(axis=1) <= alpha).argmax(axis=1)]
    missed = [(needs[:, -1] > chosen).mean() for chosen in (careful, naive)]
    assert missed[0] <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 1000)
    assert missed[1] > alpha + 0.01


def test_the_guarantee_holds_for_masks():
    rng, lambdas, alpha = np.random.default_rng(1), thresholds(100), 0.15
    curves = []
    for _ in range(400):
        logit = rng.normal(0, 2, (12, 12)) + rng.normal(0, 1)  # cases differ in how hard they are
        truth = rng.random((12, 12)) < 1 / (1 + np.exp(-2 * logit))
        curves.append(missed_voxels(outer_threshold(1 / (1 + np.exp(-logit))), truth, lambdas))
    curves = np.array(curves)
    losses = []
    for _ in range(1000):
        drawn = rng.permutation(400)[:31]
        chosen = control_risk(curves[drawn[:30]], lambdas, alpha)
        losses.append(curves[drawn[30], np.searchsorted(lambdas, chosen)])
    assert alpha - 0.06 < np.mean(losses) <= alpha + 3 * np.std(losses) / np.sqrt(1000)


def test_the_guarantee_holds_for_lesions_and_margins():
    rng, lambdas, alpha = np.random.default_rng(2), margins(8.0, n=32), 0.2
    curves = []
    for _ in range(150):
        truth, guess = np.zeros((2, 16, 16), bool)
        for y, x in rng.integers(1, 13, (3, 2)):  # lesions, some found a few voxels off, some not at all
            truth[y : y + 2, x : x + 2] = True
            if rng.random() < 0.8:
                dy, dx = rng.integers(-4, 5, 2)
                guess[max(y + dy, 0) : max(y + dy + 2, 0), max(x + dx, 0) : max(x + dx + 2, 0)] = True
        curves.append(missed_lesions(outer_margin(guess), truth, lambdas, min_overlap=0.5))
    curves, losses = np.array(curves), []
    for _ in range(1000):
        drawn = rng.permutation(150)[:26]
        chosen = control_risk(curves[drawn[:25]], lambdas, alpha)
        losses.append(curves[drawn[25], np.searchsorted(lambdas, chosen)])
    assert alpha - 0.12 < np.mean(losses) <= alpha + 3 * np.std(losses) / np.sqrt(1000)


def test_cases_without_the_class_are_left_out():
    losses, nan = [[0.5, 0.0]] * 9, [np.nan, np.nan]
    assert control_risk([*losses, nan, nan], [0, 1], 0.2) == control_risk(losses, [0, 1], 0.2) == 1.0
    with pytest.raises(DataError, match="with 0 cases"):
        control_risk([nan], [0, 1], 0.2)


@pytest.mark.parametrize(
    ("losses", "lambdas", "alpha", "message"),
    [
        ([[0.5, 0.0]], [0, 1], 10, r"alpha must lie in \(0, 1\), got 10; 10 % is 0\.1"),
        ([[0.5, 0.0]], [0, 1, 2], 0.5, r"losses must have shape .* got \(1, 2\) and \(3,\)"),
        ([[0.5, 0.0]], [1, 0], 0.5, "for rising lambdas"),
        ([[0.0, 0.5]], [0, 1], 0.5, "never rise with lambda"),
        ([[2.0, 0.5]], [0, 1], 0.5, r"losses must lie in \[0, 1\]"),
        ([[np.nan, 0.5]], [0, 1], 0.5, r"losses must lie in \[0, 1\]"),
    ],
)
def test_what_makes_no_sense_is_refused(losses, lambdas, alpha, message):
    with pytest.raises(ArgumentError, match=message):
        control_risk(losses, lambdas, alpha)
