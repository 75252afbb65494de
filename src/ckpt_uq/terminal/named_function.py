"""Functions of the user's own, named on the command line as ``module:function``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from ckpt_uq.errors import ArgumentError


def named_function(spec: str, argument: str) -> Callable[..., Any]:
    """Import ``module:function``; the current folder is searched first.

    Parameters
    ----------
    spec : str
        As in ``my_network:make`` or ``package.module:Class.method``.
    argument : str
        What asked for it, for messages.

    Raises
    ------
    ArgumentError
        There is no such module or function, importing it fails, or it cannot be called.

    Examples
    --------
    >>> named_function("math:hypot", "--model")(3, 4)
    5.0
    """
    module_name, _, path = spec.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), *path.split(".")]):
        raise ArgumentError(f"{argument} must be module:function, as in my_network:make, got {spec!r}")
    found = _imported(module_name, argument)
    for part in path.split("."):
        if not hasattr(found, part):
            own = [name for name, value in vars(found).items() if _belongs_to(module_name, value)]
            raise ArgumentError(
                f"{argument} must name something in {module_name}, which has no {path}; it has "
                f"{', '.join(own[:8]) or 'no function'}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise ArgumentError(f"{argument} must name a function, {spec} is a {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def _belongs_to(module: str, value: object) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module


def _imported(name: str, argument: str) -> Any:
    here = os.getcwd()
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ArgumentError(f"{argument}: importing {name} failed, {error}; install it") from error
        raise ArgumentError(
            f"{argument} must name a module that can be imported, found no {error.name} in {here} nor among "
            "the installed packages; go to the folder it lies in"
        ) from error
    except Exception as error:  # the user's code may raise anything
        raise ArgumentError(
            f"{argument}: importing {name} failed, {type(error).__name__}: {error}"
        ) from error
