"""Calibration beside the library's: class by class, and as the paper's released code counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ckpt_uq import CalibrationBins

RELEASED = (
    "probability of the kidney, above 0, in 15 bins, against the ensemble's own segmentation: what the "
    "released code computes. Labels do not enter, so it is no calibration error; it stands beside Table I."
)


@dataclass
class SystemBins:
    """Bins of one case, or, merged, of a system.

    Attributes
    ----------
    classes : CalibrationBins
        Every class by itself, against the labels.
    released : CalibrationBins
        See :data:`RELEASED`.
    """

    classes: CalibrationBins = field(default_factory=lambda: CalibrationBins(kind="class_wise"))
    released: CalibrationBins = field(default_factory=lambda: CalibrationBins(kind="class_wise"))

    def update(
        self,
        probs: npt.NDArray[np.floating],
        truth: npt.NDArray[np.integer],
        segmentation: npt.NDArray[np.integer],
    ) -> None:
        """Count the voxels of a slab."""
        self.classes.update(probs, truth)
        kidney = np.clip(probs[1].astype(np.float32), 0, 1)
        mask = kidney > 0
        if mask.any():
            own = (segmentation == 1).astype(np.uint8)
            self.released.update(np.stack([1 - kidney, kidney]), own, mask=mask)

    def merge(self, other: SystemBins) -> SystemBins:
        """Bins of both."""
        return SystemBins(self.classes.merge(other.classes), self.released.merge(other.released))

    @property
    def released_ece_percent(self) -> float:
        """The released code's number; NaN if no voxel may be kidney."""
        return 100 * self.released.ece(1) if self.released.n_samples else float("nan")

    def class_ece_percent(self, class_index: int) -> float:
        """ECE of one class against the labels."""
        return 100 * self.classes.ece(class_index)
