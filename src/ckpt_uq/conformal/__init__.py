"""Contours with a guarantee: the truth lies between them as often as was asked for."""

from ckpt_uq.conformal.contour import ContourRule, GuaranteedContour
from ckpt_uq.conformal.families import (
    inner_margin,
    inner_threshold,
    margins,
    outer_margin,
    outer_threshold,
    thresholds,
)
from ckpt_uq.conformal.losses import missed_lesions, missed_voxels, surplus_voxels
from ckpt_uq.conformal.risk import control_risk
from ckpt_uq.conformal.saving import load_contour, save_contour

__all__ = [
    "ContourRule",
    "GuaranteedContour",
    "control_risk",
    "inner_margin",
    "inner_threshold",
    "load_contour",
    "margins",
    "missed_lesions",
    "missed_voxels",
    "outer_margin",
    "outer_threshold",
    "save_contour",
    "surplus_voxels",
    "thresholds",
]
