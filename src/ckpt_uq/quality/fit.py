"""Fit a regression of quality on calibration cases, and judge it on cases that it did not see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluation.pearson import pearson
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.quality.regression import QualityRegression

ALPHAS = tuple(10.0**power for power in range(-3, 5))
"""Strengths of the penalty that are tried."""

_FEWEST = 5

Floats = npt.NDArray[np.float64]


class QualityFit(NamedTuple):
    """A model of all cases, and how models of the others foretold each case."""

    model: QualityRegression
    foretold: dict[str, float]
    """Quality of every case, by a model that was fitted, penalty and all, without it."""
    mean_absolute_error: float
    """Of those, in the unit of the quality."""
    r2: float
    """Share of the variance that they explain; 0 is the mean of the others, negative is worse."""
    spearman: float
    pearson: float
    n_cases: int


def fit_quality(
    rows: Mapping[str, Mapping[str, float]], quality: Mapping[str, float], features: Sequence[str]
) -> QualityFit:
    """Ridge regression of quality on features, its penalty chosen by leaving one case out.

    The numbers that judge it are cross-validated: each case's quality is foretold by a model that saw neither
    the case nor a penalty chosen with it. Compare them with those of a single score before using it.

    Parameters
    ----------
    rows : mapping of str to mapping
        Features of every case, by its name, such as of :func:`~ckpt_uq.quality.features.case_features` or a
        row of ``scores.csv``.
    quality : mapping of str to float
        In [0, 1], such as Dice; cases without (NaN) are left out.
    features : sequence of str
        Which to use. Those that are the same in every case, or known of none, are left out.

    Returns
    -------
    QualityFit

    Raises
    ------
    DataError
        If fewer than five cases have a quality, no feature varies, or scikit-learn is not installed.
    ArgumentError
        If a row lacks a feature.

    References
    ----------
    .. [1] A. Jungo et al. (2020), Frontiers in Neuroscience 14, with other features and another model.

    Examples
    --------
    >>> rows = {f"case{i}": {"entropy": i / 10} for i in range(8)}
    >>> fit = fit_quality(rows, {name: 1 - row["entropy"] for name, row in rows.items()}, ["entropy"])
    >>> round(fit.model.quality({"entropy": 0.35}), 2), round(fit.r2, 2)
    (0.65, 1.0)
    """
    names = [name for name in rows if not math.isnan(quality.get(name, math.nan))]
    if len(names) < _FEWEST:
        raise DataError(f"rows must hold {_FEWEST} cases with a quality or more, got {len(names)}")
    absent = sorted({feature for feature in features for name in names if feature not in rows[name]})
    if absent:
        raise ArgumentError(f"every row must have the features, {', '.join(absent)} are missing in some")
    x = np.array([[float(rows[name][feature]) for feature in features] for name in names], np.float64)
    y = np.array([float(quality[name]) for name in names])
    if not ((y >= 0) & (y <= 1)).all():
        raise ArgumentError(f"quality must lie in [0, 1], got values in [{y.min():.6g}, {y.max():.6g}]")
    model = _fit(x.reshape(len(names), -1), y, features)
    foretold = {}
    for i, name in enumerate(names):
        others = np.arange(len(names)) != i
        foretold[name] = _fit(x[others], y[others], features).quality(rows[name])
    guess = np.array(list(foretold.values()))
    rest = (y.sum() - y) / (len(y) - 1)  # what the mean of the others would have said
    spread = float(((y - rest) ** 2).sum())
    return QualityFit(
        model,
        foretold,
        float(np.abs(guess - y).mean()),
        1 - float(((guess - y) ** 2).sum()) / spread if spread > 0 else math.nan,
        spearman(guess, y),
        pearson(guess, y),
        len(names),
    )


def _fit(x: Floats, y: Floats, features: Sequence[str]) -> QualityRegression:
    ridge = _ridge()
    known = np.isfinite(x)
    count = known.sum(axis=0)
    mean = np.where(known, x, 0).sum(axis=0) / np.maximum(count, 1)
    filled = np.where(known, x, mean)
    scale = filled.std(axis=0)
    varies = (count > 0) & (scale > 1e-9 * (1 + np.abs(mean)))
    if not varies.any():
        raise DataError(f"features must differ between cases, got the same {', '.join(features)} in each")
    mean, scale = mean[varies], scale[varies]
    ridge.fit((filled[:, varies] - mean) / scale, y)
    return QualityRegression(
        features=tuple(feature for feature, kept in zip(features, varies, strict=True) if kept),
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        weight=tuple(np.asarray(ridge.coef_, np.float64).tolist()),
        intercept=float(ridge.intercept_),
    )


def _ridge() -> Any:
    try:
        from sklearn.linear_model import RidgeCV
    except ImportError as error:
        raise DataError("fitting a regression needs scikit-learn: pip install 'ckpt-uq[quality]'") from error
    return RidgeCV(alphas=ALPHAS)
