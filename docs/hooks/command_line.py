"""Write the reference of the command line from the commands themselves, so that it cannot go stale."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from ckpt_uq import commands
from ckpt_uq.cli import HELP, app

MARK = "<!-- the commands -->"
VALUES = {int: "whole number", float: "number", str: "text", Path: "path"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the commands where a page asks for them."""
    return markdown.replace(MARK, "\n".join(reference())) if MARK in markdown else markdown


def reference() -> Iterator[str]:
    """Lines of Markdown: what the program says of itself, its exit codes, and every command."""
    program = typer.main.get_command(app)
    yield HELP.partition("\n\n")[0]
    yield "\n## Exit codes\n"
    yield from exit_codes()
    yield "\n## Options before the command\n"
    yield from table([one for one in program.params if not one.hidden], {})
    for name, command in leaves(program):
        yield from section(name, command, get_type_hints(inspect.unwrap(command.callback)))


def leaves(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, those of groups too."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def exit_codes() -> Iterator[str]:
    """The table of the package's docstring, in Markdown."""
    rows = inspect.getdoc(commands).split("\n\n")[1].splitlines()[3:-1]
    yield "| Exit code | Meaning |\n|---|---|"
    for row in rows:
        code, meaning = row.split(maxsplit=1)
        yield f"| {code} | {meaning} |"


def section(name: str, command: Any, types: Mapping[str, Any]) -> Iterator[str]:
    """One command: what it does, how it is called, its arguments and options, its examples."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    words = " ".join(placeholder(one) for one in arguments)
    yield f"\n## ckpt-uq {name}\n"
    yield f"{inspect.cleandoc(command.help)}\n"
    yield f"```text\nckpt-uq {name} [OPTIONS] {words}".rstrip() + "\n```\n"
    if arguments:
        yield "| Argument | Meaning |\n|---|---|"
        yield from (f"| `{placeholder(one)}` | {cell(one.help)} |" for one in arguments)
        yield ""
    yield from table(options, types)
    if command.epilog:
        yield f"\n{examples(command.epilog)}"


def placeholder(argument: Any) -> str:
    """How an argument is written in the line that shows the usage."""
    return argument.metavar + (" ..." if argument.nargs != 1 else "")


def table(options: list[Any], types: Mapping[str, Any]) -> Iterator[str]:
    """The options and what they mean; nothing without any."""
    if not options:
        return
    yield "| Option | Value | Meaning |\n|---|---|---|"
    for one in options:
        names = ", ".join(f"`{name}`" for name in one.opts)
        value = "" if one.is_flag else kind(types[one.name])
        yield f"| {names} | {value} | {cell(one.help)}{remark(one)} |"


def kind(annotation: Any) -> str:
    """What is to be written after an option, once or more often; it may be left out if None is a type too."""
    (one,) = {part for part in get_args(annotation) or [annotation] if part is not type(None)}
    return VALUES[one] if one in VALUES else kind(*get_args(one))


def remark(option: Any) -> str:
    """Whether an option must be given, or what it is without."""
    if option.required:
        return " **Required.**"
    if option.is_flag or option.default is None or not option.show_default:
        return ""
    return f" Default: `{option.default}`."


def cell(text: str | None) -> str:
    """Text that may stand in a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def examples(epilog: str) -> str:
    """The examples of a command's help, the commands among them as code."""
    parts = epilog.strip().split("\n\n")
    return "\n\n".join(
        f"```sh\n{part}\n```" if part.startswith("ckpt-uq ") else part.strip() for part in parts
    )
