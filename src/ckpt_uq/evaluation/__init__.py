"""Is it good, and how sure is that: overlap, surfaces, likelihood, ranking, and intervals over cases."""

from ckpt_uq.evaluation.aupr import aupr
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.bootstrap import Interval, bootstrap_interval, paired_difference
from ckpt_uq.evaluation.case_mean import CaseMean, case_mean
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.evaluation.dmax import dmax
from ckpt_uq.evaluation.failure import Detection, failure_detection, ood_detection
from ckpt_uq.evaluation.fpr_at_tpr import fpr_at_tpr
from ckpt_uq.evaluation.ged import ged
from ckpt_uq.evaluation.hd95 import hd95
from ckpt_uq.evaluation.kendall import kendall
from ckpt_uq.evaluation.kits import KITS_REGIONS, KitsRegion, KitsScore, kits_scores
from ckpt_uq.evaluation.nll import NLL, nll, nll_terms
from ckpt_uq.evaluation.pearson import pearson
from ckpt_uq.evaluation.qu_brats import FilterCurves, filter_curves
from ckpt_uq.evaluation.rater_disagreement import rater_disagreement_auroc
from ckpt_uq.evaluation.risk_coverage import RiskCoverage, aurc, e_aurc, normalised_aurc, risk_coverage
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.evaluation.surface_dice import surface_dice
from ckpt_uq.evaluation.surface_distances import SurfaceDistances, surface_distances
from ckpt_uq.evaluation.ueo import ueo
from ckpt_uq.evaluation.voxel_errors import BoundedAuroc, VoxelErrors

__all__ = [
    "KITS_REGIONS",
    "NLL",
    "BoundedAuroc",
    "CaseMean",
    "Detection",
    "FilterCurves",
    "Interval",
    "KitsRegion",
    "KitsScore",
    "RiskCoverage",
    "SurfaceDistances",
    "VoxelErrors",
    "aupr",
    "aurc",
    "auroc",
    "bootstrap_interval",
    "case_mean",
    "dice_per_class",
    "dmax",
    "e_aurc",
    "failure_detection",
    "filter_curves",
    "fpr_at_tpr",
    "ged",
    "hd95",
    "kendall",
    "kits_scores",
    "nll",
    "nll_terms",
    "normalised_aurc",
    "ood_detection",
    "paired_difference",
    "pearson",
    "rater_disagreement_auroc",
    "risk_coverage",
    "spearman",
    "surface_dice",
    "surface_distances",
    "ueo",
]
