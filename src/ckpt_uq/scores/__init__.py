"""Scores of uncertainty: one number for an image and a class, higher for less sure.

One score a file, which has the function's name and is found here by itself. Each is called as
``score(prediction, class_index)`` and returns a float, NaN where the score has no meaning.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # mypy cannot see that functions take the place of their modules
    from ckpt_uq.scores.boundary import boundary as boundary
    from ckpt_uq.scores.contour_entropy import contour_entropy as contour_entropy
    from ckpt_uq.scores.distance_weighted import distance_weighted as distance_weighted
    from ckpt_uq.scores.foreground import foreground as foreground
    from ckpt_uq.scores.mean import mean as mean
    from ckpt_uq.scores.non_boundary import non_boundary as non_boundary
    from ckpt_uq.scores.pairwise_dice import pairwise_dice as pairwise_dice
    from ckpt_uq.scores.patch_max import patch_max as patch_max
    from ckpt_uq.scores.threshold import threshold as threshold
    from ckpt_uq.scores.volume_normalised import volume_normalised as volume_normalised
    from ckpt_uq.scores.volume_spread import volume_spread as volume_spread
    from ckpt_uq.scores.worst_lesion import worst_lesion as worst_lesion

    def __getattr__(name: str) -> Any: ...


__all__ = [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]

for _name in __all__:
    globals()[_name] = getattr(import_module(f"{__name__}.{_name}"), _name)
