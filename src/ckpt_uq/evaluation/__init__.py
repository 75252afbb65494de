"""Is it good, and how sure is that: Dice, likelihood, ranking, and intervals over cases."""

from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.bootstrap import Interval, bootstrap_interval, paired_difference
from ckpt_uq.evaluation.case_mean import CaseMean, case_mean
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.evaluation.nll import NLL, nll, nll_terms
from ckpt_uq.evaluation.spearman import spearman

__all__ = [
    "NLL",
    "CaseMean",
    "Interval",
    "auroc",
    "bootstrap_interval",
    "case_mean",
    "dice_per_class",
    "nll",
    "nll_terms",
    "paired_difference",
    "spearman",
]
