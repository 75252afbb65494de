"""Is it good, and how sure is that: overlap, surfaces, likelihood, ranking, and intervals over cases."""

from ckpt_uq.evaluation.aupr import aupr
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.bootstrap import Interval, bootstrap_interval, paired_difference
from ckpt_uq.evaluation.case_mean import CaseMean, case_mean
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.evaluation.failure import Detection, failure_detection, ood_detection
from ckpt_uq.evaluation.fpr_at_tpr import fpr_at_tpr
from ckpt_uq.evaluation.kendall import kendall
from ckpt_uq.evaluation.nll import NLL, nll, nll_terms
from ckpt_uq.evaluation.pearson import pearson
from ckpt_uq.evaluation.risk_coverage import RiskCoverage, aurc, e_aurc, normalised_aurc, risk_coverage
from ckpt_uq.evaluation.spearman import spearman

__all__ = [
    "NLL",
    "CaseMean",
    "Detection",
    "Interval",
    "RiskCoverage",
    "aupr",
    "aurc",
    "auroc",
    "bootstrap_interval",
    "case_mean",
    "dice_per_class",
    "e_aurc",
    "failure_detection",
    "fpr_at_tpr",
    "kendall",
    "nll",
    "nll_terms",
    "normalised_aurc",
    "ood_detection",
    "paired_difference",
    "pearson",
    "risk_coverage",
    "spearman",
]
