"""Intervals of failure detection rest on the same numbers as the library's functions give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq import evaluation
from ckpt_uq.evaluating import failure


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_what_is_drawn_again_is_what_the_library_computes(pairs):
    score, loss = np.array(pairs, float).T
    assert failure._aurc(score, loss) == pytest.approx(evaluation.aurc(risk=loss, uncertainty=score))
    assert failure._auroc(score, loss > 2) == pytest.approx(evaluation.auroc(score, loss > 2), nan_ok=True)
    assert failure._rank_correlation(score, loss) == pytest.approx(
        evaluation.spearman(score, loss), abs=1e-12, nan_ok=True
    )


def test_a_table_by_hand(monkeypatch):
    monkeypatch.setattr(failure, "N_RESAMPLES", 50)
    dice = {"dice_mean": [0.9, 0.8, 0.2, math.nan], "dice_a": [0.9, 0.3, 0.2, 0.1], "dice_a_b": [1, 1, 1, 1]}
    uncertainty = {
        "score_a": [0.1, 0.2, 0.3, 0.4],
        "score_a_b": [1, 2, 3, 4],
        "bits": [0.3, 0.2, 0.4, 0.5],
    }
    rows = failure.failure_table(uncertainty, dice, threshold=0.5)
    assert [row["against"] for row in rows.values()] == ["dice_a", "dice_a_b", "dice_mean"]
    assert rows["score_a"]["n_failed"] == 3
    assert rows["score_a"]["failure_auroc"]["estimate"] == 1.0
    assert rows["score_a"]["aurc"]["estimate"] == pytest.approx(rows["score_a"]["aurc_optimal"])
    assert rows["score_a"]["e_aurc"] == pytest.approx(0)
    assert rows["bits"]["n_cases"] == 3
    # risks 0.2, 0.1, 0.8 in the order of entropy: means 0.2, 0.15, 1.1/3
    assert rows["bits"]["aurc"]["estimate"] == pytest.approx((0.2 + 0.15 + 1.1 / 3) / 3)
    assert rows["bits"]["aurc_random"] == pytest.approx(1.1 / 3)
    assert math.isnan(rows["score_a_b"]["risk_spearman"]["estimate"])


def test_only_scores_that_both_have():
    rows = failure.strangers_table({"a": [0.1, 0.2], "b": [1.0]}, {"a": [0.3, 0.15], "c": [1.0]})
    assert list(rows) == ["a"]
    assert rows["a"]["ood_auroc"] == 0.75
    assert (rows["a"]["n_inside"], rows["a"]["n_outside"]) == (2, 2)
