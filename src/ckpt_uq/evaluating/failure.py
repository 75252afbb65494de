"""Whether uncertainty points to the bad cases, score by score; and to cases from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ckpt_uq.evaluating.measures.measure import Table
from ckpt_uq.evaluation.bootstrap import bootstrap_interval
from ckpt_uq.evaluation.cases import known_pairs
from ckpt_uq.evaluation.failure import failure_detection, ood_detection
from ckpt_uq.evaluation.kendall import kendall
from ckpt_uq.evaluation.pearson import pearson
from ckpt_uq.evaluation.risk_coverage import normalised_aurc, risk_coverage

N_RESAMPLES = 500

Columns = Mapping[str, Sequence[float]]


def failure_table(uncertainty: Columns, dice: Columns, threshold: float) -> Table:
    """One row a score: risk-coverage areas, correlations with risk, and detection of failed cases.

    Parameters
    ----------
    uncertainty : mapping of str to numbers
        Scores, one number a case.
    dice : mapping of str to numbers
        Dice of classes, and ``dice_mean``; a score whose name ends with a class's is held against that
        class's.
    threshold : float
        Cases with less Dice have failed.
    """
    rows: Table = {}
    for name, values in uncertainty.items():
        quality = quality_of(name, dice)
        loss, score = known_pairs((1 - value for value in dice[quality]), values)
        curve = risk_coverage(risk=loss, uncertainty=score)
        found = failure_detection(risk=loss, uncertainty=score, threshold=1 - threshold)
        rows[name] = {
            "against": quality,
            "n_cases": len(loss),
            "aurc": _interval(_aurc, score, loss),
            "e_aurc": curve.area - curve.optimal_area,
            "normalised_aurc": normalised_aurc(risk=loss, uncertainty=score),
            "aurc_optimal": curve.optimal_area,
            "aurc_random": curve.random_area,
            "risk_spearman": _interval(_rank_correlation, score, loss),
            "risk_pearson": pearson(score, loss),
            "risk_kendall": kendall(score, loss),
            "n_failed": found.n_sought,
            "failure_auroc": _interval(_auroc, score, loss > 1 - threshold),
            "failure_aupr": found.aupr,
            "failure_fpr95": found.fpr95,
        }
    return rows


def quality_of(score: str, dice: Columns) -> str:
    """Which Dice a score is to warn of.

    Examples
    --------
    >>> quality_of("contour_score_tumour", {"dice_mean": [], "dice_tumour": []})
    'dice_tumour'
    """
    own = [name for name in dice if score.endswith(f"_{name.removeprefix('dice_')}")]
    return max((name for name in own if name != "dice_mean"), key=len, default="dice_mean")


def strangers_table(inside: Columns, outside: Columns) -> Table:
    """One row a score that both cohorts have: how well it tells cases of the second from the first's."""
    rows: Table = {}
    for name in inside:
        if name not in outside:
            continue
        found = ood_detection(inside[name], outside[name])
        rows[name] = {
            "ood_auroc": found.auroc,
            "ood_aupr": found.aupr,
            "ood_fpr95": found.fpr95,
            "n_inside": found.n_other,
            "n_outside": found.n_sought,
        }
    return rows


# What follows is computed for hundreds of draws: as the library does, without the checks, which take longest.


def _aurc(score: npt.NDArray[Any], loss: npt.NDArray[Any]) -> float:
    level = np.unique(score, return_inverse=True)[1]
    shared = np.bincount(level, loss) / np.bincount(level)
    return float((np.cumsum(shared[np.sort(level)]) / np.arange(1, len(loss) + 1)).mean())


def _auroc(score: npt.NDArray[Any], sought: npt.NDArray[Any]) -> float:
    n_sought = int(sought.sum())
    n_pairs = n_sought * (len(sought) - n_sought)
    below = float(_ranks(score)[sought].sum()) - n_sought * (n_sought + 1) / 2
    return below / n_pairs if n_pairs else math.nan


def _rank_correlation(score: npt.NDArray[Any], loss: npt.NDArray[Any]) -> float:
    u, v = (rank - rank.mean() for rank in (_ranks(score), _ranks(loss)))
    spread = math.sqrt(float(u @ u) * float(v @ v))
    return float(np.clip(u @ v / spread, -1, 1)) if spread > 0 else math.nan


def _ranks(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Ranks, those of equal values averaged."""
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: npt.NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[level]
    return ranks


def _interval(
    statistic: Callable[[Any, Any], float], score: npt.NDArray[Any], loss: npt.NDArray[Any]
) -> dict[str, Any]:
    """A number of score and loss, with the interval of drawing cases again; a draw of one case has none."""

    def drawn(cases: npt.NDArray[np.int64]) -> float:
        return statistic(score[cases], loss[cases]) if len(cases) > 1 else math.nan

    return bootstrap_interval(drawn, len(loss), n_resamples=N_RESAMPLES)._asdict()
