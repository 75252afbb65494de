"""The demo's pictures, one a file."""

from ckpt_uq.demo.figures.panels import draw_panels
from ckpt_uq.demo.figures.reliability import draw_reliability
from ckpt_uq.demo.figures.scatter import draw_uncertainty_against_dice
from ckpt_uq.demo.figures.training import draw_training

__all__ = ["draw_panels", "draw_reliability", "draw_training", "draw_uncertainty_against_dice"]
