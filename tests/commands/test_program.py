"""The program as a whole: help, wrong usage, completion, and what all commands have in common."""

from __future__ import annotations

import os
import subprocess
from itertools import pairwise
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ckpt_uq._version import __version__
from ckpt_uq.cli import app
from ckpt_uq.commands.demo import DATA
from ckpt_uq.demo.datasets import DATASETS
from command_line import COMMAND, WIDE, here, process

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands


def test_it_says_what_it_can_do_as_a_shell_sees_it() -> None:
    done = process("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name.split()[0] in done.stdout for name in COMMANDS)
    assert (
        "Exit codes: 0 all is well; 1 an error stopped the command; 2 wrong usage; 3 some cases"
        in done.stdout
    )


def test_no_line_of_the_help_ends_where_the_sources_do() -> None:
    """In a narrow terminal every line is filled, but for the last of a paragraph."""
    said = CliRunner().invoke(app, ["evaluate", "--help"], env={**WIDE, "COLUMNS": "70"}).stdout
    lines = said.partition("Usage:")[2].partition("Arguments")[0].splitlines()[1:]
    text = [line.strip() for line in lines]
    for line, following in pairwise(text):
        if line and following and following[0].isalpha():
            assert len(f"{line} {following.split()[0]}") > 66


def test_version_and_wrong_usage() -> None:
    assert here("--version").stdout == f"ckpt-uq {__version__}\n"
    assert here().exit_code == 2
    for arguments in (["segment"], ["--tracebacks"], ["schedule", "--speed", "3"], ["report"]):
        done = here(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        assert "Usage: " in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_machines_may_read_every_command(name: str) -> None:
    for command in [COMMANDS[name], *getattr(COMMANDS[name], "commands", {}).values()]:
        options = {option for one in command.params for option in one.opts}
        assert (
            not options or "--json" in options
        )  # without options a command prints one word, or has commands


def completed(line: str) -> list[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    asking = {"_CKPT_UQ_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    code = "import sys; sys.argv[0] = 'ckpt-uq'; " + COMMAND[2]
    done = subprocess.run(
        [COMMAND[0], "-c", code], capture_output=True, text=True, env={**os.environ, **WIDE, **asking}
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ckpt-uq pre", {"predict"}),
        ("ckpt-uq predict --outputs ", {"logits", "probs", "regions"}),
    ],
)
def test_the_tab_key_completes(line: str, offered: set[str]) -> None:
    assert set(completed(line)) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_had(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = here("--show-completion", shell)
    assert done.exit_code == 0
    assert "_COMPLETE" in done.stdout


def test_data_that_are_offered_are_there() -> None:
    assert set(DATA) == set(DATASETS)
