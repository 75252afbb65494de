"""Is it good, and how sure is that: overlap, surfaces, likelihood, ranking, and intervals over cases."""

from ckpt_uq.evaluation.aupr import aupr
from ckpt_uq.evaluation.auroc import auroc
from ckpt_uq.evaluation.bootstrap import Interval, bootstrap_interval, paired_difference
from ckpt_uq.evaluation.boundary_concentration import boundary_concentration
from ckpt_uq.evaluation.case_mean import CaseMean, case_mean
from ckpt_uq.evaluation.comparison import Comparison, compare_cases
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.evaluation.dmax import dmax
from ckpt_uq.evaluation.failure import Detection, failure_detection, ood_detection
from ckpt_uq.evaluation.fpr_at_tpr import fpr_at_tpr
from ckpt_uq.evaluation.ged import ged
from ckpt_uq.evaluation.hd95 import hd95
from ckpt_uq.evaluation.kendall import kendall
from ckpt_uq.evaluation.kits import KITS_REGIONS, KitsRegion, KitsScore, kits_scores
from ckpt_uq.evaluation.ncc import ncc
from ckpt_uq.evaluation.near_errors import NearErrors, near_errors
from ckpt_uq.evaluation.nll import NLL, nll, nll_terms
from ckpt_uq.evaluation.paired_tests import PairedTest, permutation_test, wilcoxon_test
from ckpt_uq.evaluation.pavpu import PatchAgreement, pavpu
from ckpt_uq.evaluation.pearson import pearson
from ckpt_uq.evaluation.qu_brats import FilterCounts, FilterCurves, filter_curves
from ckpt_uq.evaluation.rater_disagreement import rater_disagreement_auroc
from ckpt_uq.evaluation.risk_coverage import RiskCoverage, aurc, e_aurc, normalised_aurc, risk_coverage
from ckpt_uq.evaluation.spearman import spearman
from ckpt_uq.evaluation.surface_dice import surface_dice
from ckpt_uq.evaluation.surface_distances import SurfaceDistances, surface_distances
from ckpt_uq.evaluation.ueo import ueo
from ckpt_uq.evaluation.voxel_errors import BoundedAuroc, BoundedOverlap, VoxelErrors

__all__ = [
    "KITS_REGIONS",
    "NLL",
    "BoundedAuroc",
    "BoundedOverlap",
    "CaseMean",
    "Comparison",
    "Detection",
    "FilterCounts",
    "FilterCurves",
    "Interval",
    "KitsRegion",
    "KitsScore",
    "NearErrors",
    "PairedTest",
    "PatchAgreement",
    "RiskCoverage",
    "SurfaceDistances",
    "VoxelErrors",
    "aupr",
    "aurc",
    "auroc",
    "bootstrap_interval",
    "boundary_concentration",
    "case_mean",
    "compare_cases",
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
    "ncc",
    "near_errors",
    "nll",
    "nll_terms",
    "normalised_aurc",
    "ood_detection",
    "paired_difference",
    "pavpu",
    "pearson",
    "permutation_test",
    "rater_disagreement_auroc",
    "risk_coverage",
    "spearman",
    "surface_dice",
    "surface_distances",
    "ueo",
    "wilcoxon_test",
]
