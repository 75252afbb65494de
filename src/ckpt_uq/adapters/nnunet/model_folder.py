"""Which checkpoints a trained model folder of nnU-Net offers as members."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ckpt_uq.adapters.nnunet.snapshots import SNAPSHOTS
from ckpt_uq.checkpoints import FileRecord, record_of
from ckpt_uq.errors import ArgumentError, CheckpointError, ManifestError
from ckpt_uq.manifest import MANIFEST, read_run

_FOLD = re.compile(r"fold_(\d+|all)")
_OWN_NAMES = ("final", "best", "latest")


@dataclass(frozen=True)
class MemberFile:
    """A checkpoint that predicts.

    Attributes
    ----------
    fold : str
        As in ``fold_0``: ``'0'`` or ``'all'``.
    path : Path
        The file.
    record : FileRecord
        Its size and hash: the manifest's, or as it was found.
    """

    fold: str
    path: Path
    record: FileRecord

    @property
    def name(self) -> str:
        """Fold and file, for messages."""
        return f"fold_{self.fold}/{self.path.name}"


def find_members(
    folder: Path,
    *,
    folds: Sequence[str] | None = None,
    checkpoints: str | None = None,
    epochs: Sequence[int] | None = None,
) -> list[MemberFile]:
    """List the checkpoints of a model folder, fold by fold.

    Parameters
    ----------
    folder : Path
        ``TRAINER__PLANS__CONFIGURATION``, with ``plans.json``, ``dataset.json`` and ``fold_X`` in it.
    folds : sequence of str, optional
        Such as ``['0', '1']`` or ``['all']``; by default every numbered one, or ``all`` where it is alone.
    checkpoints : str, optional
        ``'snapshots'``, those that a manifest names; ``'final'``, ``'best'`` or ``'latest'``; or a pattern
        within each fold, such as ``'checkpoint_*.pth'``. By default the snapshots where there are any, else
        ``'final'``.
    epochs : sequence of int, optional
        Of the snapshots only these.

    Raises
    ------
    ArgumentError
        The folder is no trained model, or has no such fold, or `epochs` are given without snapshots.
    CheckpointError
        A fold has no such checkpoint.
    ManifestError
        A manifest is damaged, or names no such epoch.
    """
    _require_model(folder)
    chosen = _folds(folder, folds)
    if checkpoints is None:
        with_snapshots = [f for f in chosen if (folder / f"fold_{f}" / SNAPSHOTS / MANIFEST).is_file()]
        checkpoints = "snapshots" if with_snapshots else "final"
    if epochs is not None and checkpoints != "snapshots":
        raise ArgumentError(f"epochs choose among snapshots, got them with checkpoints={checkpoints!r}")
    return [
        member
        for fold in chosen
        for member in (
            _snapshots(folder, fold, epochs)
            if checkpoints == "snapshots"
            else _matching(folder, fold, checkpoints)
        )
    ]


def describing_checkpoint(folder: Path, members: Sequence[MemberFile]) -> Path:
    """Return a checkpoint of nnU-Net's own, which says what trainer and configuration the members are of.

    Raises
    ------
    CheckpointError
        There is none in the members' folds.
    """
    folds = dict.fromkeys(member.fold for member in members)
    own = [folder / f"fold_{fold}" / f"checkpoint_{name}.pth" for name in _OWN_NAMES for fold in folds]
    others = [member.path for member in members if member.path.parent.name != SNAPSHOTS]
    found = next((path for path in [*own, *others] if path.is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{folder} must have a checkpoint_final.pth, checkpoint_best.pth or checkpoint_latest.pth in one "
            f"of its folds {', '.join(folds)}, which says how the network was trained; copy one there"
        )
    return found


def _require_model(folder: Path) -> None:
    missing = [name for name in ("plans.json", "dataset.json") if not (folder / name).is_file()]
    if missing:
        raise ArgumentError(
            f"a model must be a folder TRAINER__PLANS__CONFIGURATION of nnUNet_results, found no "
            f"{' and no '.join(missing)} in {folder}"
        )


def _folds(folder: Path, asked: Sequence[str] | None) -> list[str]:
    names = [_FOLD.fullmatch(path.name) for path in folder.iterdir() if path.is_dir()]
    there = sorted((name[1] for name in names if name), key=lambda fold: (fold == "all", len(fold), fold))
    if asked is None:
        chosen = [fold for fold in there if fold != "all"] or there
    else:
        chosen = list(dict.fromkeys(asked))
    missing = [fold for fold in chosen if fold not in there]
    if missing or not chosen:
        raise ArgumentError(
            f"{folder} must have the folds asked for, has {', '.join(there) or 'none'}, got "
            f"{', '.join(missing) or 'none'}"
        )
    return chosen


def _snapshots(folder: Path, fold: str, epochs: Sequence[int] | None) -> list[MemberFile]:
    run = read_run(folder / f"fold_{fold}" / SNAPSHOTS)
    members = [s for s in run.members if epochs is None or s.epoch in epochs]
    missing = sorted(set(epochs or ()) - {s.epoch for s in members})
    if missing or not members:
        raise ManifestError(
            f"{run.folder} has no kept snapshot of epochs {missing}, it has "
            f"{[s.epoch for s in run.members]}; snapshots are kept when their cycle ends"
        )
    return [MemberFile(fold, run.path_of(s), s.record) for s in members]


def _matching(folder: Path, fold: str, checkpoints: str) -> list[MemberFile]:
    pattern = f"checkpoint_{checkpoints}.pth" if checkpoints in _OWN_NAMES else checkpoints
    here = folder / f"fold_{fold}"
    try:
        found = sorted(path for path in here.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:  # an empty or an absolute pattern
        raise ArgumentError(f"checkpoints must be a pattern within a fold, got {pattern!r}") from error
    if not found:
        raise CheckpointError(
            f"{here} must have checkpoints {pattern}, it has "
            f"{', '.join(sorted(path.name for path in here.glob('*.pth'))) or 'none'}"
        )
    return [MemberFile(fold, path, record_of(path)) for path in found]
