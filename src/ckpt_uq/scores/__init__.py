"""Scores of uncertainty: one number for an image and a class, higher for less sure.

One score a file, which has the function's name and is found here by itself. Each is called as
``score(prediction, class_index)`` and returns a float, NaN where the score has no meaning.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # mypy cannot see that functions take the place of their modules
    from ckpt_uq.scores.contour_entropy import contour_entropy as contour_entropy

    def __getattr__(name: str) -> Any: ...


__all__ = [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]

for _name in __all__:
    globals()[_name] = getattr(import_module(f"{__name__}.{_name}"), _name)
