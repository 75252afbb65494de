"""Whether confidence can be believed: calibration errors, reliability, and over which voxels."""

from ckpt_uq.calibration.bins import CalibrationBins, Reliability
from ckpt_uq.calibration.scope import scope_mask

__all__ = ["CalibrationBins", "Reliability", "scope_mask"]
