"""Whether confidence can be believed: calibration errors, reliability, and over which voxels."""

from ckpt_uq.calibration.adaptive import ace
from ckpt_uq.calibration.bins import CalibrationBins, Reliability
from ckpt_uq.calibration.brier import BrierParts, brier, brier_decomposition
from ckpt_uq.calibration.kolmogorov_smirnov import ks_error
from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.calibration.sketch import Bounded, CalibrationSketch
from ckpt_uq.calibration.smooth import smooth_ece

__all__ = [
    "Bounded",
    "BrierParts",
    "CalibrationBins",
    "CalibrationSketch",
    "Reliability",
    "ace",
    "brier",
    "brier_decomposition",
    "ks_error",
    "scope_mask",
    "smooth_ece",
]
