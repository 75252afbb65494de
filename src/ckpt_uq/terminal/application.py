"""A command line whose commands are the files of a package."""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Annotated

import typer

from ckpt_uq.errors import CkptUQError


def application(name: str, version: str, text: str, commands: ModuleType) -> typer.Typer:
    """Gather the commands of a package: the function of each file that is called as the file is.

    Parameters
    ----------
    name, version : str
        Printed by ``--version``.
    text : str
        What ``--help`` says first.
    commands : module
        A package. An ``EPILOG`` of a file ends its command's help. A package within it is a group of
        commands, whose ``HELP`` says what they are for.

    Returns
    -------
    typer.Typer
        Errors of the library and of files become one line and exit code 1; ``--debug`` shows where they are
        from.

    Examples
    --------
    >>> from ckpt_uq import commands
    >>> app = application("ckpt-uq", "1.0", "What it does.", commands)
    >>> {"combine", "demo"} <= {command.name for command in app.registered_commands}
    True
    """
    app = typer.Typer(
        help=flowing(text),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def print_version(asked: bool) -> None:
        if asked:
            typer.echo(f"{name} {version}")
            raise typer.Exit

    # Annotations here must be no strings: typer could not find this function's own names in them.
    @app.callback()
    def options(
        context: typer.Context,
        version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
        ] = False,
        debug: Annotated[bool, typer.Option("--debug", help="Show the tracebacks of errors.")] = False,
    ) -> None:
        """Take the options that stand before the command."""
        context.with_resource(plain_errors(debug))

    _add_commands(app, commands)
    return app


def _add_commands(app: typer.Typer, commands: ModuleType) -> None:
    """Add the function of every file, and the commands of every package within under the package's name."""
    for info in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"{commands.__name__}.{info.name}")
        if info.ispkg:
            group = typer.Typer(help=flowing(module.HELP), no_args_is_help=True)
            _add_commands(group, module)
            app.add_typer(group, name=info.name)
        else:
            function = getattr(module, info.name)
            said = [flowing(text) for text in (function.__doc__ or "", getattr(module, "EPILOG", ""))]
            app.command(info.name, help=said[0], epilog=said[1] or None)(function)


def flowing(text: str) -> str:
    r"""Paragraphs without the line breaks of the source, so that a terminal of any width breaks them itself.

    Examples
    --------
    >>> flowing("One\n    sentence.\n\n    Another.")
    'One sentence.\n\nAnother.'
    """
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()


@contextmanager
def plain_errors(debug: bool) -> Iterator[None]:
    """Say what went wrong in one line, and exit with 1; with 130 when interrupted.

    Examples
    --------
    >>> with plain_errors(debug=True):
    ...     pass
    """
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
