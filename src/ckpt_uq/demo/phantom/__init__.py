"""KiTS-like abdominal CT cases drawn from a seed: anatomy, then intensities, then annotators."""

from ckpt_uq.demo.phantom.blob import PhantomGrid
from ckpt_uq.demo.phantom.case import phantom_case, phantom_cases

__all__ = ["PhantomGrid", "phantom_case", "phantom_cases"]
