"""A rule's contours are those of its family, and its file gives it back."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.conformal import (
    ContourRule,
    GuaranteedContour,
    inner_margin,
    inner_threshold,
    load_contour,
    missed_lesions,
    missed_voxels,
    outer_margin,
    outer_threshold,
    save_contour,
    surplus_voxels,
)
from ckpt_uq.errors import ArgumentError, DataError

SPACING = (3.0, 1.0)


def case(seed=0):
    rng = np.random.default_rng(seed)
    probs = np.moveaxis(rng.dirichlet(np.full(4, 0.5), (6, 7)), -1, 0)
    return probs, probs.argmax(0), rng.integers(0, 4, (6, 7))


@pytest.mark.parametrize(
    ("loss", "family", "when", "cost"),
    [
        ("missed_voxels", "threshold", outer_threshold, missed_voxels),
        ("missed_lesions", "threshold", outer_threshold, missed_lesions),
        ("surplus_voxels", "threshold", inner_threshold, surplus_voxels),
        ("missed_voxels", "margin", outer_margin, missed_voxels),
        ("missed_lesions", "margin", outer_margin, missed_lesions),
        ("surplus_voxels", "margin", inner_margin, surplus_voxels),
    ],
)
@pytest.mark.parametrize("labels", [(1,), (1, 3)])
def test_a_rule_is_a_family_and_a_loss(loss, family, when, cost, labels):
    probs, segmentation, truth = case()
    rule = ContourRule(labels, loss, family)
    got = rule.map_of(probs, segmentation, spacing=SPACING)
    mask = np.isin(segmentation, labels)
    expected = when(probs[list(labels)].sum(0)) if family == "threshold" else when(mask, spacing=SPACING)
    np.testing.assert_allclose(got, expected, atol=1e-15)
    real = np.logical_or.reduce([truth == label for label in labels])
    np.testing.assert_array_equal(rule.truth_in(truth), real)
    np.testing.assert_array_equal(rule.losses(got, real, rule.lambdas), cost(got, real, rule.lambdas))


@given(st.integers(0, 50), st.sampled_from(["missed_voxels", "surplus_voxels"]), st.integers(0, 1001))
def test_the_loss_of_a_lambda_is_that_of_its_mask(seed, loss, index):
    probs, segmentation, truth = case(seed)
    rule = ContourRule((2,), loss)
    when, lam, real = rule.map_of(probs, segmentation), rule.lambdas[index], truth == 2
    inside = rule.inside(when, lam)
    wrong = (real & ~inside).sum() if rule.is_outer else (inside & ~real).sum()
    assert rule.losses(when, real, [lam])[0] == pytest.approx(min(1, wrong / real.sum()))


def test_the_share_of_a_lesion_that_must_be_inside():
    when, truth = np.array([0.1, 0.9, 0.0, 0.7]), np.array([True, True, False, True])
    loose, strict = (ContourRule((1,), "missed_lesions", min_overlap=share) for share in (0.0, 0.5))
    assert [rule.losses(when, truth, [0.5])[0] for rule in (loose, strict)] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ()}, "labels must be different classes, at least one"),
        ({"labels": (1, 1)}, "labels must be different classes"),
        ({"labels": (0,)}, "labels must be an integer >= 1, got 0"),
        ({"loss": "dice"}, "loss must be one of .*got 'dice'"),
        ({"family": "scale"}, "family must be one of .*got 'scale'"),
        ({"min_overlap": 1.0}, r"min_overlap must lie in \[0, 1\), got 1"),
    ],
)
def test_rules_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        ContourRule(**{"labels": (1,), **options})


def test_a_class_that_the_probabilities_lack():
    with pytest.raises(ArgumentError, match=r"among the 4 classes of the probabilities, got \(4,\)"):
        ContourRule((4,)).map_of(*case()[:2])


@pytest.mark.parametrize(
    ("rule", "lam", "where", "promise"),
    [
        (ContourRule((2,)), 0.75, "probability >= 0.25", "at most 10 % of the voxels of label 2 are missed"),
        (
            ContourRule((2,), "surplus_voxels"),
            0.75,
            "probability > 0.75",
            "at most 10 % as many voxels as lab",
        ),
        (ContourRule((1, 2), "missed_lesions", "margin"), 2.5, "grown by 2.5 mm", "lesions of labels 1, 2"),
        (ContourRule((2,), "surplus_voxels", "margin"), 2.5, "shrunk by 2.5 mm", "being of it, on average"),
        (ContourRule((2,), family="margin"), math.inf, "the whole image", "at most 10 %"),
        (ContourRule((2,), "surplus_voxels", "margin"), math.inf, "nothing", "at most 10 %"),
    ],
)
def test_a_contour_says_what_it_is_and_comes_back(tmp_path, rule, lam, where, promise):
    contour = GuaranteedContour(rule, 0.1, lam, 0.05, ("a", "b"))
    assert contour.where.endswith(where)
    assert promise in contour.promise
    save_contour(tmp_path / "c.json", contour)
    assert load_contour(tmp_path / "c.json") == contour


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 10}, r"alpha must lie in \(0, 1\), got 10"),
        ({"lam": -1.0}, "lam must be >= 0, got -1.0"),
        ({"labels": [0]}, "labels must be an integer >= 1"),
        ({"more": 1}, "more"),
        ({"version": 2}, "has version 2, this library reads 1"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, change, message):
    path = tmp_path / "c.json"
    save_contour(path, GuaranteedContour(ContourRule((2,)), 0.1, 0.5, 0.05, ("a",)))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=rf"c\.json .*{message}"):
        load_contour(path)
