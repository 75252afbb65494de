"""Make confidence believable after training: transforms of logits, fitted on calibration cases."""

from ckpt_uq.posthoc.boundary import BoundaryTemperature, fit_boundary_temperature
from ckpt_uq.posthoc.fit import ScalingFit, fit_scaling
from ckpt_uq.posthoc.saving import load_transform, save_transform
from ckpt_uq.posthoc.scaling import LogitScaling

__all__ = [
    "BoundaryTemperature",
    "LogitScaling",
    "ScalingFit",
    "fit_boundary_temperature",
    "fit_scaling",
    "load_transform",
    "save_transform",
]
