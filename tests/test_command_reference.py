"""The reference of the command line says what the program does, and nothing that it does not."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer

from ckpt_uq.cli import HELP, app

ROOT = Path(__file__).parents[1]
HOOK = runpy.run_path(str(ROOT / "docs/hooks/command_line.py"))
PAGE = HOOK["on_page_markdown"]((ROOT / "docs/reference/cli.md").read_text())
COMMANDS: dict[str, Any] = dict(HOOK["leaves"](typer.main.get_command(app)))


def section_of(command: str) -> str:
    return PAGE.partition(f"\n## ckpt-uq {command}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_is_told(name: str) -> None:
    section, command = section_of(name), COMMANDS[name]
    for paragraph in command.help.split("\n\n"):
        assert " ".join(paragraph.split()) in " ".join(section.split())
    told = set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))
    named = {
        one.opts[0] if one.opts[0].startswith("-") else HOOK["placeholder"](one) for one in command.params
    }
    assert told == named
    for one in command.params:
        assert one.help, f"{name} must say what {one.name} is"
        assert HOOK["cell"](one.help) in section


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_examples(name: str) -> None:
    shown = re.findall(r"```sh\n(.*?)```", section_of(name), re.DOTALL)
    assert shown
    assert all(f"{example.split(chr(10))[0]} ".startswith(f"ckpt-uq {name} ") for example in shown)


def test_exit_codes_are_those_of_the_help() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))
    assert (
        list(table) == ["0", "1", "2", "3", "130"] == re.findall(r"\b\d+\b", HELP.partition("Exit codes:")[2])
    )
    assert all(table.values())


def test_the_mark_is_gone_and_other_pages_stay() -> None:
    assert HOOK["MARK"] not in PAGE
    assert HOOK["on_page_markdown"]("# Another page") == "# Another page"
