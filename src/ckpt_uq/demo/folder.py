"""The demo's output folder: begun, continued, or begun anew, and never emptied by accident."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ckpt_uq.demo.datasets import find_dataset
from ckpt_uq.demo.outputs import write_json
from ckpt_uq.errors import ArgumentError, DataError

SETTINGS = "settings.json"
REPORT = "report.html"
OWN = (
    "run",
    "cases",
    "figures",
    "training_state.pt",
    "history.csv",
    "scores.csv",
    "calibration_bins.json",
    REPORT,
)
OWN_LAST = ("metrics.json", SETTINGS)  # the settings say whose folder this is, so they go last


@dataclass(frozen=True)
class DemoSettings:
    """What decides a run."""

    data: str
    seed: int
    n_epochs: int

    @property
    def command(self) -> str:
        """The command line that repeats the run.

        Examples
        --------
        >>> DemoSettings("phantom", 0, 30).command
        'ckpt-uq demo --data phantom --seed 0 --epochs 30'
        """
        return f"ckpt-uq demo --data {self.data} --seed {self.seed} --epochs {self.n_epochs}"


def open_folder(
    out: Path,
    *,
    data: str | None = None,
    seed: int | None = None,
    n_epochs: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> DemoSettings:
    """Make a folder ready for a run, and say which run it is.

    Parameters
    ----------
    out : Path
        Made if it does not exist.
    data, seed, n_epochs : optional
        What was asked for. None takes what the folder's run has, or else the default: phantom, 0, and the
        data's own number.
    resume : bool
        Go on with the folder's run, if it has one.
    overwrite : bool
        Remove the folder's run. Files that are not the demo's own stay.

    Raises
    ------
    ArgumentError
        The folder holds a run and neither flag is given, or a run of other settings, or something else.
    DataError
        The folder's settings cannot be read.
    """
    if resume and overwrite:
        raise ArgumentError("resume and overwrite contradict each other; give one of them")
    stored = _stored(out)
    if stored is None:
        settings = _asked(data, seed, n_epochs)
        _require_empty(out)
    elif overwrite:
        settings = _asked(data, seed, n_epochs)
        _clear(out)
    elif resume:
        _require_same(stored, {"data": data, "seed": seed, "n_epochs": n_epochs}, out)
        return stored
    else:
        raise ArgumentError(
            f"out must be a new folder, {out} holds a run already; pass --resume to go on with it, "
            "--overwrite to start again, or another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / SETTINGS, asdict(settings))
    return settings


def _asked(data: str | None, seed: int | None, n_epochs: int | None) -> DemoSettings:
    dataset = find_dataset(data or "phantom")
    if n_epochs is not None and n_epochs < 1:
        raise ArgumentError(f"epochs must be >= 1, got {n_epochs}")
    if seed is not None and seed < 0:
        raise ArgumentError(f"seed must be >= 0, got {seed}")
    return DemoSettings(dataset.name, seed or 0, n_epochs or dataset.n_epochs)


def _stored(out: Path) -> DemoSettings | None:
    path = out / SETTINGS
    if not path.is_file():
        return None
    try:
        return DemoSettings(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} must hold the settings of a run: {error}; choose another --out") from error


def _require_empty(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ArgumentError(f"out must be a folder, {out} is a file; choose another --out")
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if found:
        raise ArgumentError(
            f"out must be empty or hold a run of the demo, {out} holds "
            f"{', '.join(found[:3])}; choose another --out"
        )


def _require_same(stored: DemoSettings, asked: dict[str, str | int | None], out: Path) -> None:
    for name, value in asked.items():
        theirs = getattr(stored, name)
        if value is not None and value != theirs:
            raise ArgumentError(
                f"{name} must be {theirs} as in the run at {out}, got {value}; leave it out to go on, "
                "pass --overwrite to start again, or another --out"
            )


def _clear(out: Path) -> None:
    for name in (*OWN, *OWN_LAST):
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
