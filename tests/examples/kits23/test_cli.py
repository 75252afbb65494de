"""The example's command line: what it says when it is asked, and when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ckpt_uq.errors import ArgumentError
from kits23.cli import app
from kits23.work import Work


def test_version_and_help_say_what_it_is() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == "kits23 0.1.0\n"
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert "Rel-UNet" in shown.output


def test_commands_ask_for_prepared_data(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="run kits23 prepare first"):
        Work(tmp_path).require_prepared()
    Work(tmp_path).preparation.write_text("{}")
    assert Work(tmp_path).require_prepared().root == tmp_path
