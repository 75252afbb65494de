"""The selector of a training loop: decides with each epoch's score, and keeps the run folder."""

from __future__ import annotations

import math
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, SupportsFloat

import torch
from torch import Tensor, nn

from ckpt_uq.checkpoints import FileRecord, save_weights
from ckpt_uq.choices import at_fractions, cycle_ends, last_k_per_cycle, top_k
from ckpt_uq.cycles import Cycles, integer
from ckpt_uq.errors import ArgumentError, CheckpointError, ManifestError
from ckpt_uq.io.atomic import temporaries_in, write_bytes_atomic
from ckpt_uq.manifest import MANIFEST, Recorded, RunManifest, SavedSnapshot, read_run, run_bytes
from ckpt_uq.peaks import Decision, Peaks, PeakSelector, Snapshot, as_score, select_peaks
from ckpt_uq.weights import stored_bytes

__all__ = [
    "Decision",
    "PeakCheckpointSelector",
    "PeakSelector",
    "Peaks",
    "Snapshot",
    "at_fractions",
    "cycle_ends",
    "last_k_per_cycle",
    "select_peaks",
    "top_k",
]

_SNAPSHOT = re.compile(r"snapshot-\d{4,}\.pt")


class PeakCheckpointSelector(PeakSelector):
    """Keeps the weights of the best epochs of each cycle on disk, and survives a kill at any moment.

    The folder holds ``manifest.json`` and at most ``k`` snapshots per cycle, besides the one being written.
    A snapshot is complete on disk before the manifest names it, and unnamed before it is removed. Where the
    folder holds a run already, it is continued; nothing in it changes before the first step. In distributed
    training one rank has the selector.

    Parameters
    ----------
    run_dir : str or path-like
        The run folder; made at the first step.
    cycles : Cycles or sequence of int
        The cycles of the schedule (``schedule.cycles``), or their lengths. A run that is continued may have
        more of them than before.
    k, window, min_gain, mode, smoothing
        When an epoch is a peak, see :class:`ckpt_uq.peaks.PeakRule`.
    dtype : torch.dtype, optional
        Store floating-point weights as this, e.g. ``torch.float16`` for half the disk.

    Raises
    ------
    ManifestError
        If the folder holds a run of other settings, or a damaged one.
    CheckpointError
        If a snapshot that the manifest names is missing or cut short.

    Examples
    --------
    >>> import tempfile
    >>> model, run_dir = nn.Linear(1, 1), tempfile.mkdtemp()
    >>> selector = PeakCheckpointSelector(run_dir, cycles=[4], k=1)
    >>> for epoch, dice in enumerate([0.4, 0.7, 0.8, 0.6]):
    ...     _ = selector.step(epoch, dice, model, lr=0.1)
    >>> sorted(os.listdir(run_dir))
    ['manifest.json', 'snapshot-0002.pt']
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        cycles: Cycles | Sequence[int],
        k: int = 3,
        window: float = 0.5,
        min_gain: float | None = 0.0,
        mode: Literal["max", "min"] = "max",
        smoothing: int = 5,
        *,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(cycles, k, window, min_gain, mode, smoothing)
        self.run_dir = Path(run_dir)
        if dtype is not None and not getattr(dtype, "is_floating_point", False):
            raise ArgumentError(
                f"dtype must be a floating-point torch.dtype, got {dtype!r}; see torch.float16"
            )
        self.dtype = dtype
        self._files: dict[int, tuple[str, FileRecord]] = {}
        self._lrs: dict[int, float | None] = {}
        self._disk_was_checked = False
        self._known_manifests: set[bytes | None] = {None}
        self._resume()

    def step(
        self,
        epoch: int,
        score: SupportsFloat,
        model: nn.Module | Mapping[str, Tensor],
        lr: SupportsFloat | None = None,
    ) -> Decision:
        """Record an epoch, write its weights if it is a candidate, and remove those that fell out.

        Call it once per validated epoch. Epochs may be skipped; an epoch that was recorded before rewinds the
        run to it first, as when training resumes a little earlier. Going back beyond a whole finished cycle
        or to the very beginning is refused, unless :meth:`rewind` was called. When anything fails the books
        stay what the manifest says, and training may go on.

        Parameters
        ----------
        epoch : int
            Epoch, from 0.
        score : float
            Validation score; NaN: none.
        model : torch.nn.Module or mapping of str to Tensor
            The module, or its ``state_dict()``.
        lr : float, optional
            Learning rate of the epoch, for the manifest.

        Raises
        ------
        CheckpointError
            If the weights are not finite, or the disk is full or fails.
        ArgumentError
            If a finished run would be lost, as when a script is started again in an old folder.
        ManifestError
            If somebody else has written to the folder.
        """
        epoch, value = integer("epoch", epoch, at_least=0), as_score(score)
        try:
            rate = None if lr is None else float(lr)
        except TypeError:
            raise ArgumentError(f"lr must be a number, got {lr!r}; pass schedule.get_last_lr()[0]") from None
        if rate is not None and not math.isfinite(rate):
            raise ArgumentError(f"lr must be finite, got {rate}; leave it out if it is not known")
        self._refuse_books_alone()
        self._refuse_to_lose(epoch)
        self._refuse_two_writers()
        self._prepare(model)
        self.rewind(epoch)
        with self._all_or_nothing():
            decision = self.update(epoch, value)
            self._lrs[epoch] = rate
            if decision.save:
                name = f"snapshot-{epoch:04d}.pt"
                self._files[epoch] = name, save_weights(self.run_dir / name, model, dtype=self.dtype)
            self._write(decision.drop)
        return decision

    def rewind(self, epoch: int) -> tuple[Snapshot, ...]:
        """Forget every epoch from ``epoch`` on, on disk too, before training that resumes there."""
        self._refuse_books_alone()
        if integer("epoch", epoch, at_least=0) > self.last_epoch:
            return ()
        self._refuse_two_writers()
        with self._all_or_nothing():
            dropped = super().rewind(epoch)
            self._write(dropped)
        return dropped

    def close(self) -> tuple[Snapshot, ...]:
        """End the cycle under way where it stands, on disk too, as when training stops early."""
        self._refuse_books_alone()
        if self._open is None:
            return ()
        self._refuse_two_writers()
        with self._all_or_nothing():
            dropped = super().close()
            self._write(dropped)
        return dropped

    def disk_bytes(self, model: nn.Module | Mapping[str, Tensor]) -> int:
        """Return the most bytes that the folder will take: for the whole run, or per cycle if it has no end.

        Parameters
        ----------
        model : torch.nn.Module or mapping of str to Tensor
            The model to be saved; nothing is written.
        """
        rule = self.rule
        cycles = [rule.cycle(0)] if rule.cycles.end is None else list(rule.cycles)
        sizes = [max(0, rule.last_epoch(cycle) + 1 - rule.window_start(cycle)) for cycle in cycles]
        n_snapshots = sum(min(rule.k, size) for size in sizes) + 1  # and the one being written
        manifest = 4096 + 128 * cycles[-1].end + 512 * n_snapshots
        return n_snapshots * stored_bytes(model, self.dtype) + 2 * manifest

    def _refuse_to_lose(self, epoch: int) -> None:
        kept = [s for s in self.peaks.members if s.epoch >= epoch]
        whole_cycles = [s for s in kept if s.cycle > self.rule.cycle(epoch).index]
        if whole_cycles or (kept and epoch <= min(self.history)):
            raise ArgumentError(
                f"epoch must be > {self.last_epoch}, the last one recorded in {self.run_dir}, got {epoch}, "
                f"which would cost the finished snapshots of epochs {[s.epoch for s in kept]}; call "
                f"rewind({epoch}) first if training resumes there, or pass another folder"
            )

    def _prepare(self, model: nn.Module | Mapping[str, Tensor]) -> None:
        """Make the folder before the first snapshot, with a manifest, by which it is known as ours."""
        if self._disk_was_checked:
            return
        self._clean()
        with _named_errors(self.run_dir):
            self.run_dir.mkdir(parents=True, exist_ok=True)
            if not (self.run_dir / MANIFEST).exists():
                self._write(())
            free = shutil.disk_usage(self.run_dir).free
        needed = self.disk_bytes(model) - sum(record.size for _, record in self._files.values())
        self._disk_was_checked = True
        if needed > free:
            what = "a cycle" if self.rule.cycles.end is None else "the run"
            warnings.warn(
                f"{what} may need {needed / 1e9:.3g} GB more in {self.run_dir}, {free / 1e9:.3g} GB are "
                "left; free disk space, lower k, or pass dtype=torch.float16",
                UserWarning,
                stacklevel=3,
            )

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        before = self.history, self._held, self._open, self._files, self._lrs
        self.history, self._files, self._lrs = dict(self.history), dict(self._files), dict(self._lrs)
        try:
            yield
        except BaseException:
            self.history, self._held, self._open, self._files, self._lrs = before
            self._resume()  # what the disk says now, as after a kill
            self._clean()
            raise

    def _write(self, dropped: Sequence[Snapshot]) -> None:
        """Make the manifest say what the books say, then remove files that it no longer names."""
        self._lrs = {epoch: self._lrs[epoch] for epoch in self.history}
        with _named_errors(self.run_dir / MANIFEST):
            content = run_bytes(self._manifest())
            self._known_manifests.add(content)  # it may be in place though writing it fails at the end
            write_bytes_atomic(self.run_dir / MANIFEST, content)
            self._known_manifests = {content}
        for snapshot in dropped:
            name, _ = self._files.pop(snapshot.epoch)
            _remove(self.run_dir / name)

    def _manifest(self) -> RunManifest:
        under_way = None if self._open is None else self._open.index
        snapshots = []
        for epoch, held in sorted(self._held.items()):
            name, record = self._files[epoch]
            kept = held.cycle != under_way
            lr = self._lrs[epoch]
            snapshots.append(SavedSnapshot(epoch, held.score, held.cycle, name, record, lr, kept))
        history = tuple(Recorded(e, score, self._lrs[e]) for e, score in sorted(self.history.items()))
        return RunManifest(self.run_dir, self.rule, history, tuple(snapshots))

    def _refuse_two_writers(self) -> None:
        """Refuse when the manifest is not the one that was read or written here last."""
        if self.run_dir.is_dir() and self._manifest_on_disk() not in self._known_manifests:
            raise ManifestError(
                f"{self.run_dir / MANIFEST} must be written by one selector alone, but another changed or "
                "removed it; stop the other one, or make the selector anew to go on from what is there"
            )

    def _manifest_on_disk(self) -> bytes | None:
        try:
            return (self.run_dir / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None

    def _clean(self) -> None:
        """Remove what a kill left behind: only who writes may, for who only looks may look at a live run."""
        if not self.run_dir.is_dir():
            return
        named = {name for name, _ in self._files.values()}
        temporaries = temporaries_in(self.run_dir)
        for file in self.run_dir.iterdir():
            name = temporaries.get(file, file.name)
            ours = _SNAPSHOT.fullmatch(name) or (file in temporaries and name == MANIFEST)
            if ours and file.name not in named:
                _remove(file)

    def _resume(self) -> None:
        """Take the books from the folder, if it holds a run."""
        self._known_manifests = {None}
        if not self.run_dir.exists():
            return
        if not self.run_dir.is_dir():
            raise ArgumentError(f"run_dir must be a folder, got the file {self.run_dir}")
        found = [file for file in self.run_dir.iterdir() if _SNAPSHOT.fullmatch(file.name)]
        if not (self.run_dir / MANIFEST).exists():
            if found:
                raise ManifestError(
                    f"{self.run_dir} must have a {MANIFEST} beside its snapshots, but has none; "
                    "restore it from a copy, or pass an empty folder"
                )
            return
        self._known_manifests = {self._manifest_on_disk()}
        run = read_run(self.run_dir)
        self._refuse_other_settings(run)
        for snapshot in run.snapshots:
            _check_size(run.path_of(snapshot), snapshot.record)
        self._adopt(run)

    def _adopt(self, run: RunManifest) -> None:
        self.history = {entry.epoch: entry.score for entry in run.history}
        self._lrs = {entry.epoch: entry.lr for entry in run.history}
        self._held = {s.epoch: Snapshot(s.epoch, s.score, s.cycle) for s in run.snapshots}
        self._files = {s.epoch: (s.file, s.record) for s in run.snapshots}
        self._reopen()
        if self._open is not None and any(s.kept for s in run.snapshots if s.cycle == self._open.index):
            self._open = None  # it was closed early

    def _refuse_other_settings(self, run: RunManifest) -> None:
        for name in ("cycles", "k", "window", "min_gain", "mode", "smoothing"):
            theirs, ours = getattr(run.rule, name), getattr(self.rule, name)
            agree = self.rule.agrees_until(_last_epoch(run), run.rule) if name == "cycles" else theirs == ours
            if not agree:
                raise ManifestError(
                    f"{name} must be {theirs} as in the run at {self.run_dir}, got {ours}; "
                    "continue with the run's settings, or pass another folder"
                )

    def _refuse_books_alone(self) -> None:
        unsaved = sorted(self.history.keys() - self._lrs.keys())
        if unsaved:
            raise ArgumentError(
                f"the folder must hold what the books say, but epochs {unsaved} came by update() alone; "
                "call step() instead, or keep books without files in a PeakSelector"
            )


def _last_epoch(run: RunManifest) -> int:
    return run.history[-1].epoch if run.history else -1


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error}; free disk space or check the folder, then go on"
        ) from error


def _remove(path: Path) -> None:
    with _named_errors(path):
        path.unlink(missing_ok=True)


def _check_size(path: Path, record: FileRecord) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != record.size:
        raise CheckpointError(
            f"{path} must have {record.size} bytes, got {'no file' if size is None else size}; "
            "restore it from a copy, or start again in another folder"
        )
