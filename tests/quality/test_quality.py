"""Quality foretold: the numbers of scikit-learn, cross-validation that nothing leaks into, files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.prediction import Prediction
from ckpt_uq.quality import case_features, fit_quality, load_quality, save_quality
from ckpt_uq.quality.fit import ALPHAS
from ckpt_uq.quality.regression import QualityRegression
from strategies import predictions, spacings


def table(n=14, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = np.clip(0.6 + 0.15 * x[:, 0] - 0.1 * x[:, 1] + rng.normal(0, noise, n), 0, 1)
    rows = {f"c{i}": dict(zip("abc", row.tolist(), strict=True)) for i, row in enumerate(x)}
    return rows, dict(zip(rows, y.tolist(), strict=True)), x, y


def first(rows, n):
    return {name: rows[name] for name in list(rows)[:n]}


def by_scikit_learn(x, y, new):
    scaler = StandardScaler().fit(x)
    model = RidgeCV(alphas=ALPHAS).fit(scaler.transform(x), y)
    return np.clip(model.predict(scaler.transform(new)), 0, 1)


def test_every_case_is_foretold_by_a_model_of_the_others():
    rows, quality, x, y = table()
    fit = fit_quality(rows, quality, "abc")
    expected = [by_scikit_learn(np.delete(x, i, 0), np.delete(y, i), x[i : i + 1])[0] for i in range(len(y))]
    assert list(fit.foretold.values()) == pytest.approx(expected)
    assert fit.mean_absolute_error == pytest.approx(np.abs(expected - y).mean())
    others = [np.delete(y, i).mean() for i in range(len(y))]
    assert fit.r2 == pytest.approx(1 - ((expected - y) ** 2).sum() / ((others - y) ** 2).sum())
    assert fit.r2 > 0.7
    assert [fit.model.quality(row) for row in rows.values()] == pytest.approx(by_scikit_learn(x, y, x))


def test_features_that_know_nothing_do_not_look_as_if_they_did():
    # 12 cases and 10 features of noise: in the sample a line explains nearly everything
    rng, r2, inside = np.random.default_rng(1), [], []
    for _ in range(8):
        rows = {f"c{i}": {f"x{j}": value for j, value in enumerate(rng.normal(size=10))} for i in range(12)}
        quality = {name: float(q) for name, q in zip(rows, rng.uniform(0.5, 1, 12), strict=True)}
        r2.append(fit_quality(rows, quality, [f"x{j}" for j in range(10)]).r2)
        x, y = np.array([list(row.values()) for row in rows.values()]), np.array(list(quality.values()))
        design = np.column_stack([np.ones(12), x])
        residual = y - design @ np.linalg.lstsq(design, y)[0]
        inside.append(1 - (residual**2).sum() / ((y - y.mean()) ** 2).sum())
    assert np.mean(r2) < 0.1
    assert np.mean(inside) > 0.7


@settings(max_examples=12)
@given(st.permutations(range(14)), st.floats(0.5, 20), st.floats(-5, 5))
def test_order_unit_and_origin_do_not_matter(order, factor, shift):
    rows, quality, *_ = table()
    names = [f"c{i}" for i in order]
    moved = {name: {k: factor * v + shift for k, v in rows[name].items()} for name in names}
    one, other = fit_quality(rows, quality, "abc"), fit_quality(moved, quality, "abc")
    assert other.foretold == pytest.approx(one.foretold, abs=1e-6)


def test_by_hand():
    model = QualityRegression(("a", "b"), (1.0, 2.0), (2.0, 4.0), (0.25, -0.5), 0.5)
    assert model.quality({"a": 2.0, "b": 1.0}) == 0.5 + 0.25 * 0.5 + 0.5 * 0.25
    assert model.quality({"a": math.nan, "b": 2.0, "more": 9.0}) == 0.5
    assert model.quality({"a": 100.0, "b": 2.0}) == 1.0
    assert model.expected_error({"a": -100.0, "b": 2.0}) == 1.0
    with pytest.raises(ArgumentError, match="row must have the features b, got a"):
        model.quality({"a": 1.0})


def test_missing_values_constant_features_and_cases_without_quality():
    rows, quality, *_ = table()
    rows = {name: {**row, "same": 3.0, "never": math.nan} for name, row in rows.items()}
    rows["c3"]["a"] = math.nan
    quality["c5"] = math.nan
    fit = fit_quality(rows, quality, ["a", "b", "same", "never"])
    assert fit.model.features == ("a", "b")
    assert "c5" not in fit.foretold
    assert fit.n_cases == 13
    known = [row["a"] for name, row in rows.items() if name not in ("c3", "c5")]
    assert fit.model.mean[0] == pytest.approx(np.mean(known))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows, quality: (first(rows, 4), quality), "5 cases with a quality or more, got 4"),
        (lambda rows, quality: (rows | {"c0": {"a": 1.0}}, quality), "b, c are missing in some"),
        (lambda rows, quality: (rows, quality | {"c0": 80.0}), r"quality must lie in \[0, 1\]"),
        (lambda rows, quality: (dict.fromkeys(rows, rows["c0"]), quality), "must differ between cases"),
    ],
)
def test_what_determines_no_regression_is_refused(change, message):
    rows, quality, *_ = table()
    with pytest.raises((DataError, ArgumentError), match=message):
        fit_quality(*change(rows, quality), "abc")


def test_a_file_gives_the_same_numbers(tmp_path):
    rows, quality, *_ = table()
    model = fit_quality(rows, quality, "abc").model
    save_quality(tmp_path / "q.json", model)
    assert load_quality(tmp_path / "q.json") == model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[]", "is no saved regression"),
        (json.dumps({"format": "ckpt_uq quality", "version": 9}), "has version 9, this library reads 1"),
        (json.dumps({"format": "ckpt_uq quality", "version": 1, "features": ["a"]}), "is damaged"),
        (
            json.dumps(
                {
                    "format": "ckpt_uq quality", "version": 1, "features": ["a"], "mean": [0.0],
                    "scale": [0.0], "weight": [1.0], "intercept": 0.5,
                }
            ),
            "scale positive",
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path, text, message):
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(DataError, match=message):
        load_quality(tmp_path / "q.json")


@settings(max_examples=40)
@given(predictions(min_ndim=3), st.data())
def test_features_of_a_class(prediction, data):
    spacing = data.draw(spacings(3))
    found = case_features(prediction, 1, spacing=spacing)
    inside = prediction.mean_prob[1] > 0.5
    assert found["log_mm3"] == pytest.approx(math.log1p(inside.sum() * math.prod(spacing)))
    if not inside.any():
        assert math.isnan(found["mean_prob"])
        assert found["n_components"] == 0
        return
    padded = np.pad(inside, 1)
    core = np.ones(inside.shape, bool)
    for axis in range(3):
        for step in (-1, 1):
            core &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
    assert found["compactness"] == pytest.approx((core & inside).sum() / inside.sum())
    assert found["mean_prob"] == pytest.approx(prediction.mean_prob[1][inside].mean(), rel=1e-5)
    assert 0 < found["largest_share"] <= 1


def test_an_empty_class_is_described_too():
    found = case_features(Prediction.from_probs(np.stack([np.ones((3, 4)), np.zeros((3, 4))])), 1)
    assert found["log_mm3"] == found["n_components"] == 0
    assert math.isnan(found["compactness"])
