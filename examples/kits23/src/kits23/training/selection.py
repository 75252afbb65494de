"""Which epochs of the trainings in WORK became members."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ckpt_uq.adapters.nnunet.snapshots import SNAPSHOTS
from ckpt_uq.errors import ArgumentError
from ckpt_uq.manifest import MANIFEST, read_run
from ckpt_uq.verdicts import Verdict, verdicts
from kits23.work import DATASET, Work


@dataclass(frozen=True)
class Selected:
    """One training.

    Attributes
    ----------
    name : str
        Model and fold.
    epochs : tuple of int
        Those whose snapshots are members.
    cycles : tuple of Verdict
        What became of every cycle so far.
    n_done, n_epochs : int
        Epochs that are done, and of the whole training.
    """

    name: str
    epochs: tuple[int, ...]
    cycles: tuple[Verdict, ...]
    n_done: int
    n_epochs: int


def selected(work: Work) -> list[Selected]:
    """Read the manifest of every training.

    Raises
    ------
    ArgumentError
        There is no training.
    """
    results = work.nnunet_results / DATASET
    manifests = sorted(results.glob(f"*/fold_*/{SNAPSHOTS}/{MANIFEST}"))
    found = [_selected(path.parent, results) for path in manifests]
    if not found:
        raise ArgumentError(f"WORK must hold trainings, found none in {results}; run kits23 train")
    return found


def _selected(folder: Path, results: Path) -> Selected:
    run = read_run(folder)
    scores = {entry.epoch: entry.score for entry in run.history}
    return Selected(
        folder.parent.relative_to(results).as_posix(),
        tuple(snapshot.epoch for snapshot in run.members),
        tuple(verdicts(scores, run.rule)),
        len(run.history),
        run.rule.cycles.end or 0,
    )
