"""The README's commands are the program's: every command and option that it shows exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from kits23.cli import app

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "examples/kits23/README.md", ROOT / "docs/how-to/kits23.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^kits23 (.+?)(?:\s+#.*)?$", re.MULTILINE)
INLINE = re.compile(r"`kits23 ([^`]+)`")


def commands() -> list[str]:
    """Everything behind ``kits23`` in the blocks and lines of the pages."""
    found = []
    for page in PAGES:
        text = page.read_text()
        found += [line for block in BLOCK.findall(text) for line in LINE.findall(block)]
        found += [" ".join(inline.split()) for inline in INLINE.findall(text)]
    return sorted(set(found))


def test_pages_show_every_command() -> None:
    shown = {line.split()[0] for line in commands()} - {"--help"}
    assert shown == set(typer.main.get_command(app).commands)


@pytest.mark.parametrize("line", [line for line in commands() if not line.startswith("--")])
def test_command_is_understood(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = typer.main.get_command(app).commands[name]
    context = command.make_context(name, [*(arguments or ["work"])], resilient_parsing=False)
    assert context.params["work"]
