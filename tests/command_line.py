"""The command line as tests call it: as a process of its own, or inside this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

import ckpt_uq
from ckpt_uq.cli import app

COMMAND = [sys.executable, "-c", "from ckpt_uq.cli import main; main()"]
# Found from any folder, and with lines that no narrow terminal breaks.
WIDE = {
    "PYTHONPATH": str(Path(ckpt_uq.__file__).parents[1]),
    "COLUMNS": "200",
    "NO_COLOR": "1",
    "TERM": "dumb",
}


def process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a shell would see."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **WIDE})


def here(*arguments: object) -> Result:
    """The same without the seconds that a process takes to start."""
    return CliRunner().invoke(app, list(map(str, arguments)), env=WIDE)
