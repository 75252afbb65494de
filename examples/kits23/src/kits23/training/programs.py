"""nnU-Net's own programs, run in WORK: what they say goes to a file there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ckpt_uq.adapters.nnunet.plugin_folder import with_plugin
from ckpt_uq.adapters.nnunet.requirement import require_nnunet
from ckpt_uq.errors import CkptUQError
from kits23.work import Work

_EVERY_SECONDS = 1.0
_TAIL = 12


class ProgramError(CkptUQError):
    """A program of nnU-Net failed; its log says why."""


def environment(work: Work, settings: Mapping[str, str] = {}) -> dict[str, str]:
    """The variables that nnU-Net reads, for a folder WORK.

    Parameters
    ----------
    work : Work
        The folder.
    settings : mapping
        More of them, over those of this process.
    """
    root = work.root.resolve()
    folders = {
        "nnUNet_raw": root / work.nnunet_raw.name,
        "nnUNet_preprocessed": root / work.nnunet_preprocessed.name,
        "nnUNet_results": root / work.nnunet_results.name,
    }
    return with_plugin({**os.environ, **{name: str(path) for name, path in folders.items()}, **settings})


def run_program(
    work: Work,
    program: str,
    arguments: list[str],
    *,
    settings: Mapping[str, str] = {},
    log: str,
    while_running: Callable[[], None] = lambda: None,
) -> None:
    """Run a program of nnU-Net to its end.

    Parameters
    ----------
    work : Work
        The folder; the log is ``WORK/logs/LOG.txt``, and grows.
    program : str
        Such as ``nnUNetv2_train``.
    arguments : list of str
        Of the program.
    settings : mapping
        Variables of its environment.
    log : str
        Name of the log.
    while_running : callable
        Called now and then.

    Raises
    ------
    ProgramError
        With the end of the log, if the program fails.
    ArgumentError
        nnU-Net is not installed.
    """
    require_nnunet()
    path = work.root / "logs" / f"{log}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    with open(path, "ab") as file:
        process = subprocess.Popen(
            command,
            env=environment(work, settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while (status := _status(process)) is None:
                while_running()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # and the processes that it has started
            process.wait()
            raise
    if status != 0:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]
        end = "\n  ".join(lines)
        raise ProgramError(f"{program} failed, exit code {status}; the end of {path} is:\n  {end}")


def _status(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=_EVERY_SECONDS)
    except subprocess.TimeoutExpired:
        return None
