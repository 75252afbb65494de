"""``ckpt-uq``, the command line."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ckpt_uq import commands
from ckpt_uq._version import __version__
from ckpt_uq.errors import CkptUQError

HELP = """Turn the checkpoints of one training run into uncertainty that can be trusted.

Exit codes: 0 all is well; 1 an error stopped the command; 2 wrong usage; 3 some cases failed and are
named, the others are done; 130 interrupted.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ckpt-uq {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the tracebacks of errors.")] = False,
) -> None:
    """Take the options that stand before the command."""
    context.with_resource(_errors(debug))


@contextmanager
def _errors(debug: bool) -> Iterator[None]:
    """Say what went wrong in one line, and give the exit code that :data:`HELP` promises."""
    try:
        yield
    except (CkptUQError, OSError) as error:
        if debug:
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None


def main() -> None:
    """Run the command line."""
    app()


def _add_commands() -> None:
    for info in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"{commands.__name__}.{info.name}")
        app.command(info.name, epilog=getattr(module, "EPILOG", None))(getattr(module, info.name))


_add_commands()
