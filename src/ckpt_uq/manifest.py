"""The manifest of a run folder: which epochs were seen, and which snapshots lie there."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ckpt_uq.checkpoints import FileRecord
from ckpt_uq.cycles import Cycles
from ckpt_uq.errors import ArgumentError, ManifestError
from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.peaks import PeakRule, Snapshot

MANIFEST = "manifest.json"
_FORMAT, _VERSION = "ckpt_uq.run", 1
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # no folder, nothing hidden
_SETTINGS = ("mode", "k", "window", "min_gain", "smoothing", "cycles")


@dataclass(frozen=True)
class Recorded:
    """One validated epoch of a run; ``score`` is NaN where there was none, ``lr`` None where unknown."""

    epoch: int
    score: float
    lr: float | None


@dataclass(frozen=True)
class SavedSnapshot(Snapshot):
    """A snapshot that lies in a run folder.

    Attributes
    ----------
    file : str
        Name of the weight file in the run folder.
    record : FileRecord
        Its size and hash.
    lr : float or None
        Learning rate at its epoch.
    kept : bool
        Whether its cycle is over and was kept; False while the cycle is under way.
    """

    file: str
    record: FileRecord
    lr: float | None
    kept: bool


@dataclass(frozen=True)
class RunManifest:
    """What a run folder holds.

    Attributes
    ----------
    folder : Path
        The run folder.
    rule : PeakRule
        The settings under which peaks were selected.
    history : tuple of Recorded
        Every validated epoch, in order.
    snapshots : tuple of SavedSnapshot
        Every weight file of the folder, by epoch.
    """

    folder: Path
    rule: PeakRule
    history: tuple[Recorded, ...]
    snapshots: tuple[SavedSnapshot, ...]

    @property
    def members(self) -> tuple[SavedSnapshot, ...]:
        """The snapshots of cycles that are over and were kept: the ensemble."""
        return tuple(snapshot for snapshot in self.snapshots if snapshot.kept)

    @property
    def candidates(self) -> tuple[SavedSnapshot, ...]:
        """The snapshots of the cycle under way."""
        return tuple(snapshot for snapshot in self.snapshots if not snapshot.kept)

    def path_of(self, snapshot: SavedSnapshot) -> Path:
        """Return where the weights of a snapshot lie."""
        return self.folder / snapshot.file


def read_run(folder: str | os.PathLike[str]) -> RunManifest:
    """Read the manifest of a run folder; no file is touched and no weights are opened.

    Raises
    ------
    ManifestError
        If there is none, or it is damaged, of another version, or names files outside the folder.
    """
    path = Path(folder) / MANIFEST
    try:
        data = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except FileNotFoundError:
        below = Path(folder) / "run"
        hint = f", such as {below}" if (below / MANIFEST).is_file() else ""
        raise ManifestError(f"{path} is missing; pass the folder of a run with snapshots{hint}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(f"{path} cannot be read: {error}; restore it from a copy") from error
    if not isinstance(data, Mapping) or data.get("format") != _FORMAT:
        raise ManifestError(f"{path} must have the format {_FORMAT!r}; it was written by something else")
    if data.get("version") != _VERSION:
        raise ManifestError(
            f"{path} must have version {_VERSION}, got {data.get('version')!r}; "
            "read it with the release of ckpt_uq that wrote it"
        )
    try:
        return _run(Path(folder), data)
    except (_DamageError, ArgumentError, OverflowError) as error:
        raise ManifestError(f"{path} is damaged: {error}; restore it from a copy") from error


def write_run(run: RunManifest) -> None:
    """Write the manifest of a run folder, whole or not at all."""
    write_bytes_atomic(run.folder / MANIFEST, run_bytes(run))


def run_bytes(run: RunManifest) -> bytes:
    """Return what is written into the manifest of a run folder."""
    rule = run.rule
    data = {
        "format": _FORMAT,
        "version": _VERSION,
        **{name: getattr(rule, name) for name in _SETTINGS},
        "cycles": rule.cycles.to_json(),
        "history": [
            {"epoch": e.epoch, "score": e.score if math.isfinite(e.score) else None, "lr": e.lr}
            for e in run.history
        ],
        "snapshots": [
            {
                "file": s.file,
                "epoch": s.epoch,
                "cycle": s.cycle,
                "lr": s.lr,
                "score": s.score,
                "size": s.record.size,
                "sha256": s.record.sha256,
                "kept": s.kept or None,
            }
            for s in run.snapshots
        ],
    }
    return (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()


class _DamageError(Exception):
    """Where a manifest is not as it must be."""


def _run(folder: Path, data: Any) -> RunManifest:
    _keys("manifest", data, {"format", "version", *_SETTINGS, "history", "snapshots"})
    rule = PeakRule(
        cycles=Cycles.from_json(data["cycles"]),
        k=_whole("k", data["k"]),
        window=_number("window", data["window"]),
        min_gain=None if data["min_gain"] is None else _number("min_gain", data["min_gain"]),
        mode=data["mode"],
        smoothing=_whole("smoothing", data["smoothing"]),
    )
    history = tuple(_recorded(entry) for entry in _list("history", data["history"]))
    _increasing("history", [entry.epoch for entry in history])
    last_cycle = {rule.cycle(entry.epoch).index for entry in history[-1:]}
    scores = {entry.epoch: entry.score for entry in history}
    snapshots = tuple(_snapshot(entry, scores, rule) for entry in _list("snapshots", data["snapshots"]))
    _increasing("snapshots", [snapshot.epoch for snapshot in snapshots])
    if len({snapshot.file for snapshot in snapshots}) != len(snapshots):
        raise _DamageError("every snapshot must have a file of its own, but two share one")
    under_way = {snapshot.cycle for snapshot in snapshots if not snapshot.kept}
    if under_way - last_cycle:
        raise _DamageError(
            f"kept must be true in every cycle but the last, is null in cycles {sorted(under_way)}"
        )
    return RunManifest(folder, rule, history, snapshots)


def _recorded(entry: Any) -> Recorded:
    _keys("history entry", entry, {"epoch", "score", "lr"})
    score = math.nan if entry["score"] is None else _number("score", entry["score"])
    return Recorded(_whole("epoch", entry["epoch"]), score, _rate(entry["lr"]))


def _snapshot(entry: Any, scores: Mapping[int, float], rule: PeakRule) -> SavedSnapshot:
    _keys("snapshot", entry, {"file", "epoch", "cycle", "lr", "score", "size", "sha256", "kept"})
    epoch, score = _whole("epoch", entry["epoch"]), _number("score", entry["score"])
    if scores.get(epoch) != score:
        raise _DamageError(f"snapshot of epoch {epoch} with score {score} must be in the history")
    cycle = rule.cycle(epoch).index
    if entry["cycle"] != cycle:
        raise _DamageError(f"cycle of epoch {epoch} must be {cycle}, got {entry['cycle']!r}")
    file, sha256 = entry["file"], entry["sha256"]
    if not isinstance(file, str) or not _PLAIN_NAME.fullmatch(file) or file == MANIFEST:
        raise _DamageError(f"file must be a plain name inside the run folder, got {file!r}")
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise _DamageError(f"sha256 must be 64 hexadecimal digits, got {sha256!r}")
    if entry["kept"] is not True and entry["kept"] is not None:
        raise _DamageError(f"kept must be true or null, got {entry['kept']!r}")
    record = FileRecord(_whole("size", entry["size"]), sha256)
    return SavedSnapshot(epoch, score, cycle, file, record, _rate(entry["lr"]), entry["kept"] is True)


def _keys(what: str, entry: Any, names: set[str]) -> None:
    if not isinstance(entry, Mapping) or set(entry) != names:
        found = sorted(entry) if isinstance(entry, Mapping) else type(entry).__name__
        raise _DamageError(f"{what} must have the keys {sorted(names)}, got {found}")


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _DamageError(f"{name} must be a list, got {value!r}")
    return value


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _DamageError(f"{name} must be an integer >= 0, got {value!r}")
    return value


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _DamageError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def _rate(value: Any) -> float | None:
    return None if value is None else _number("lr", value)


def _increasing(name: str, epochs: list[int]) -> None:
    if epochs != sorted(set(epochs)):
        raise _DamageError(f"epochs of {name} must increase, got {epochs}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
