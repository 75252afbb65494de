"""Values of options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from ckpt_uq.cycles import Cycles

Number = TypeVar("Number", int, float)
Word = TypeVar("Word", bound=str)


def numbers(text: str | None, option: str, kind: type[Number]) -> list[Number] | None:
    """Numbers with commas between them, or None if the option was left out.

    Examples
    --------
    >>> numbers("100,200", "--ends", int)
    [100, 200]
    """
    if text is None:
        return None
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"must be numbers ({kind.__name__}) with commas between them, got {text!r}", param_hint=option
        ) from None


def cycles_of(ends: str | None, t0: int | None, t_mult: int, epochs: int | None) -> Cycles | None:
    """Cycles that end, from the options --ends, or --t0, --t-mult and --epochs; None without either."""
    from ckpt_uq.cycles import cycles_ending_at, geometric_cycles

    if ends is not None and t0 is not None:
        raise typer.BadParameter("give --ends or --t0, not both", param_hint="--ends")
    if t0 is not None and epochs is None:
        raise typer.BadParameter("--t0 needs --epochs, the length of the run", param_hint="--t0")
    if t0 is not None:
        return geometric_cycles(t0, t_mult).until(epochs or 0)
    at = numbers(ends, "--ends", int)
    if at is None:
        return None
    return cycles_ending_at(at) if epochs is None else cycles_ending_at(at).until(epochs)


def output_file(path: Path, option: str, suffixes: tuple[str, ...]) -> Path:
    """Check, before any work, that a file to be written has a known suffix and a folder to lie in."""
    if path.suffix not in suffixes:
        raise typer.BadParameter(f"must end in {' or '.join(suffixes)}, got {path.name}", param_hint=option)
    if not path.parent.is_dir():
        raise typer.BadParameter(f"must lie in a folder that exists, got {path}", param_hint=option)
    return path


def offering(*words: str) -> Callable[[str], list[str]]:
    """What the Tab key completes an option's value to.

    Examples
    --------
    >>> offering("max", "min")("mi")
    ['min']
    """

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def choice(text: str, option: str, allowed: tuple[Word, ...]) -> Word:
    """One of the words that an option may be.

    Examples
    --------
    >>> choice("min", "--mode", ("max", "min"))
    'min'
    """
    for word in allowed:
        if word == text:
            return word
    raise typer.BadParameter(f"must be one of {', '.join(allowed)}, got {text!r}", param_hint=option)
