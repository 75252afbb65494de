"""``ckpt-uq``, the command line."""

from __future__ import annotations

from ckpt_uq import commands
from ckpt_uq._version import __version__
from ckpt_uq.terminal.application import application

HELP = """Turn the checkpoints of one training run into uncertainty that can be trusted.

Exit codes: 0 all is well; 1 an error stopped the command; 2 wrong usage; 3 some cases failed and are
named, the others are done; 130 interrupted.
"""

app = application("ckpt-uq", __version__, HELP, commands)


def main() -> None:
    """Run the command line."""
    app()
