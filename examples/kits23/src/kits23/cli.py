"""``kits23``, the command line."""

from __future__ import annotations

from ckpt_uq.terminal.application import application
from kits23 import __version__, commands

HELP = """Rerun the paper Rel-UNet on KiTS23 with nnU-Net: from the data to the report.

Every command takes the folder WORK, reads there what the commands before it wrote, and adds its own.

Exit codes: 0 all is well; 1 an error stopped the command; 2 wrong usage; 3 some cases failed and are
named, the others are done; 130 interrupted.
"""

app = application("kits23", __version__, HELP, commands)


def main() -> None:
    """Run the command line."""
    app()
