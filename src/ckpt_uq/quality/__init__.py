"""How good a segmentation is likely to be, foretold from what is known without the truth."""

from ckpt_uq.quality.features import case_features
from ckpt_uq.quality.fit import QualityFit, fit_quality
from ckpt_uq.quality.regression import QualityRegression
from ckpt_uq.quality.saving import load_quality, save_quality

__all__ = [
    "QualityFit",
    "QualityRegression",
    "case_features",
    "fit_quality",
    "load_quality",
    "save_quality",
]
