"""The selector on disk: what it writes in which order, and what is left when anything goes wrong."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from ckpt_uq.checkpoints import load_weights
from ckpt_uq.cycles import Cycles, geometric_cycles
from ckpt_uq.errors import ArgumentError, CheckpointError, ManifestError
from ckpt_uq.manifest import MANIFEST, read_run
from ckpt_uq.schedule import SGDR
from ckpt_uq.selection import PeakCheckpointSelector, Snapshot, select_peaks
from reference.disk import WatchedDisk

HISTORY = [0.1, 0.4, 0.3, 0.5, 0.2, 0.1, 0.3, 0.2, 0.5, 0.7, 0.9, 0.8]
SETTINGS = {"cycles": [4, 4, 4], "k": 2, "window": 1.0}

SHORT_HISTORY = [0.3, 0.5, 0.2, 0.1]  # epoch 1 drops epoch 0, epoch 3 its whole cycle
SHORT = {"cycles": [2, 2], "k": 1, "window": 1.0}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch) -> None:
    """Syncs guard against a power cut, which no test makes; their order is watched where it matters."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def weights(epoch: int) -> dict[str, torch.Tensor]:
    return {"w": torch.full((10,), float(epoch))}


def record(selector: PeakCheckpointSelector, history=HISTORY, start: int = 0) -> PeakCheckpointSelector:
    selector.rewind(start)
    for epoch, score in enumerate(history):
        if epoch >= start:
            selector.step(epoch, score, weights(epoch), lr=torch.tensor(0.1))
    return selector


def assert_consistent(folder: Path) -> None:
    """The manifest is readable, what it names is there with the right content, and nothing else is there."""
    run = read_run(folder)
    for snapshot in run.snapshots:
        loaded = load_weights(run.path_of(snapshot), expected=snapshot.record)
        assert torch.equal(loaded["w"], weights(snapshot.epoch)["w"])
    assert {file.name for file in folder.iterdir()} == {MANIFEST, *(s.file for s in run.snapshots)}


def assert_selected(folder: Path, history: dict[int, float], **settings) -> None:
    """The folder holds what the pure definition selects of the history, and the history."""
    run, peaks = read_run(folder), select_peaks(history, **settings)
    assert_consistent(folder)
    assert [(s.epoch, s.score, s.cycle) for s in run.members] == [
        (s.epoch, s.score, s.cycle) for s in peaks.members
    ]
    assert [s.epoch for s in run.candidates] == [s.epoch for s in peaks.candidates]
    seen = {entry.epoch: entry.score for entry in run.history}
    assert repr(seen) == repr({e: s if math.isfinite(s) else math.nan for e, s in history.items()})


# --- a run ----------------------------------------------------------------------------------------------


def test_three_lines_in_a_training_loop(tmp_path):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = SGDR(optimizer, T_0=4, n_epochs=8)
    selector = PeakCheckpointSelector(tmp_path / "runs" / "a", cycles=schedule.cycles, k=2)
    trained = {}
    for epoch in range(8):
        nn.init.constant_(model.weight, epoch)
        optimizer.step()
        trained[epoch] = (
            optimizer.param_groups[0]["lr"],
            {n: v.clone() for n, v in model.state_dict().items()},
        )
        selector.step(epoch, 0.1 * epoch, model, lr=optimizer.param_groups[0]["lr"])
        schedule.step()
    run = read_run(tmp_path / "runs" / "a")
    assert [s.epoch for s in run.members] == [2, 3, 6, 7]
    for snapshot in run.members:
        lr, state = trained[snapshot.epoch]
        assert snapshot.lr == lr < 0.051  # of the annealed half, never of a restart
        loaded = load_weights(run.path_of(snapshot), expected=snapshot.record)
        assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert [entry.lr for entry in run.history] == [lr for lr, _ in trained.values()]


def test_a_whole_run_holds_what_the_definition_selects(tmp_path):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)
    assert [s.epoch for s in read_run(tmp_path).members] == [1, 3, 10, 11]


def test_the_decision_says_what_was_done(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:3])
    decision = selector.step(3, 0.5, weights(3))
    assert (decision.save, decision.drop) == (True, (Snapshot(2, 0.3, 0),))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        MANIFEST,
        "snapshot-0001.pt",
        "snapshot-0003.pt",
    ]
    assert read_run(tmp_path).history[-1].lr is None


def test_the_manifest_is_there_from_the_first_step_on(tmp_path):
    selector = PeakCheckpointSelector(tmp_path / "a", [10])
    assert not (tmp_path / "a").exists()
    selector.step(0, 0.5, weights(0))
    assert [entry.epoch for entry in read_run(tmp_path / "a").history] == [0]


def test_half_precision_halves_the_snapshots(tmp_path):
    model = nn.Linear(100, 100)
    for name, dtype in (("full", None), ("half", torch.float16)):
        PeakCheckpointSelector(tmp_path / name, [1], dtype=dtype).step(0, 0.5, model)
    full, half = (read_run(tmp_path / name).members[0] for name in ("full", "half"))
    assert half.record.size < 0.6 * full.record.size
    assert load_weights(tmp_path / "half" / half.file)["weight"].dtype == torch.float16


# --- the order of things --------------------------------------------------------------------------------


def test_snapshot_then_manifest_then_removal(tmp_path, monkeypatch):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:3])
    disk = WatchedDisk(tmp_path, monkeypatch)
    selector.step(3, 0.5, weights(3))
    snapshot, manifest = (f".tmp-{os.getpid()}-{name}" for name in ("snapshot-0003.pt", MANIFEST))
    assert disk.order == [
        ("write", snapshot),
        ("sync", snapshot),
        ("rename", snapshot, "snapshot-0003.pt"),
        ("sync", "."),
        ("write", manifest),
        ("sync", manifest),
        ("rename", manifest, MANIFEST),
        ("sync", "."),
        ("remove", "snapshot-0002.pt"),
    ]


def test_an_epoch_that_is_no_candidate_writes_the_manifest_alone(tmp_path, monkeypatch):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:2])
    disk = WatchedDisk(tmp_path, monkeypatch)
    selector.step(2, 0.05, weights(2))
    manifest = f".tmp-{os.getpid()}-{MANIFEST}"
    assert disk.order == [
        ("write", manifest),
        ("sync", manifest),
        ("rename", manifest, MANIFEST),
        ("sync", "."),
    ]


def test_a_replayed_epoch_is_unnamed_and_removed_before_it_is_written_again(tmp_path, monkeypatch):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:4])
    disk = WatchedDisk(tmp_path, monkeypatch)
    selector.step(3, 0.6, weights(3))
    renamed = [operation[-1] for operation in disk.order if operation[0] in ("rename", "remove")]
    assert renamed == [MANIFEST, "snapshot-0003.pt", "snapshot-0003.pt", MANIFEST]


def test_at_no_moment_are_there_more_snapshots_than_k_and_the_one_being_written(tmp_path, monkeypatch):
    most = {}

    def count() -> None:
        names = [file.name for file in tmp_path.iterdir()]
        per_cycle = [int(name[-7:-3]) // 4 for name in names if name.endswith(".pt")]
        for cycle in set(per_cycle):
            most[cycle] = max(most.get(cycle, 0), per_cycle.count(cycle))
        assert sum(name.startswith(".tmp-") for name in names) <= 1

    disk = WatchedDisk(tmp_path, monkeypatch)
    disk.before = count
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    assert most == {0: 3, 1: 3, 2: 3}


def test_at_every_moment_the_manifest_names_only_what_is_whole(tmp_path, monkeypatch):
    moments = []

    def look() -> None:
        if (tmp_path / MANIFEST).exists():
            run = read_run(tmp_path)
            for snapshot in run.snapshots:
                load_weights(run.path_of(snapshot), expected=snapshot.record)
            moments.append(len(run.snapshots))

    selector = PeakCheckpointSelector(tmp_path, **SETTINGS)
    disk = WatchedDisk(tmp_path, monkeypatch)
    disk.before = look
    record(selector)
    record(selector, [*HISTORY[:6], 0.9, 0.1], start=2)
    selector.rewind(3)
    assert len(moments) > 300


# --- full and failing disks -----------------------------------------------------------------------------


def n_operations(folder: Path, monkeypatch, failing: tuple[str, ...]) -> int:
    with monkeypatch.context() as patch:
        disk = WatchedDisk(folder, patch)
        disk.failing = failing
        record(PeakCheckpointSelector(folder, **SHORT), SHORT_HISTORY)
        return disk.n_failing


@pytest.mark.parametrize(
    ("failing", "error", "caught", "message"),
    [
        (("write", "sync", "rename"), None, CheckpointError, "No space left on device.*; free disk space"),
        (
            ("remove",),
            lambda: OSError(errno.EIO, "Input/output error"),
            CheckpointError,
            "Input/output error",
        ),
        (("write", "sync", "rename", "remove"), KeyboardInterrupt, KeyboardInterrupt, ""),
    ],
    ids=["full disk", "failing removal", "ctrl-C"],
)
def test_failing_at_any_operation_training_goes_on(tmp_path, monkeypatch, failing, error, caught, message):
    n = n_operations(tmp_path / "whole", monkeypatch, failing)
    assert n == 2 if failing == ("remove",) else n > 80
    for fail_at in range(n):
        folder = tmp_path / str(fail_at)
        failures = []
        with monkeypatch.context() as patch:
            disk = WatchedDisk(folder, patch)
            disk.failing, disk.fail_at, disk.error = failing, fail_at, error or disk.error
            selector = PeakCheckpointSelector(folder, **SHORT)
            for epoch, score in enumerate(SHORT_HISTORY):
                try:
                    selector.step(epoch, score, weights(epoch), lr=0.1)
                except caught as failure:
                    failures.append(str(failure))
                    if (folder / MANIFEST).exists():
                        assert_consistent(folder)
                        assert list(selector.history) == [entry.epoch for entry in read_run(folder).history]
        (failure,) = failures
        assert re.search(message, failure)
        recorded = {epoch: SHORT_HISTORY[epoch] for epoch in selector.history}
        assert len(recorded) >= len(SHORT_HISTORY) - 1
        assert_selected(folder, recorded, **SHORT)


def test_a_failed_epoch_may_be_tried_again(tmp_path, monkeypatch):
    n = n_operations(tmp_path / "whole", monkeypatch, ("write", "sync", "rename"))
    for fail_at in range(0, n, 5):
        folder = tmp_path / str(fail_at)
        with monkeypatch.context() as patch:
            disk = WatchedDisk(folder, patch)
            disk.fail_at = fail_at
            selector = PeakCheckpointSelector(folder, **SHORT)
            for epoch, score in enumerate(SHORT_HISTORY):
                with contextlib.suppress(CheckpointError):
                    selector.step(epoch, score, weights(epoch))
                    continue
                selector.step(epoch, score, weights(epoch))
        assert_selected(folder, dict(enumerate(SHORT_HISTORY)), **SHORT)


class TinyDisk:
    """A small tmpfs; where mounting is not permitted, a watched folder that fills up alike."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        self.folder, self.size = folder, size
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        self.mounted = os.geteuid() == 0 and self._run("mount", *options)
        if not self.mounted:
            WatchedDisk(folder, monkeypatch).is_full = self._is_full
            usage = namedtuple("usage", "total used free")
            monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(size, 0, size))

    def grow(self, size: int) -> None:
        self.size = size
        if self.mounted:
            assert self._run("mount", "-o", f"remount,size={size}", str(self.folder))

    def remove(self) -> None:
        if self.mounted:
            assert self._run("umount", str(self.folder))

    def _is_full(self) -> bool:
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()) > self.size

    def _run(self, *command: str) -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def tiny_disk(tmp_path, monkeypatch) -> Iterator[TinyDisk]:
    disk = TinyDisk(tmp_path / "tiny", monkeypatch, 700_000)
    yield disk
    disk.remove()


def test_on_a_tiny_disk_three_snapshots_fit_and_a_fourth_is_refused_until_there_is_room(tiny_disk):
    def big(epoch: int) -> dict[str, torch.Tensor]:
        return {"w": torch.full((10,), float(epoch)), "rest": torch.zeros(50_000)}

    folder = tiny_disk.folder / "run"
    settings = {"cycles": [12], "k": 3, "window": 1.0}
    selector = PeakCheckpointSelector(folder, **settings)
    with pytest.warns(UserWarning, match=r"the run may need .* GB more in .*/run, .* GB are left"):
        selector.step(0, 0.1, big(0))
    for epoch in (1, 2):
        selector.step(epoch, 0.1 * epoch + 0.1, big(epoch))
    for epoch in (3, 4):
        with pytest.raises(
            CheckpointError, match=r"cannot write .*snapshot-000[34]\.pt: .*No space left on device"
        ):
            selector.step(epoch, 0.1 * epoch + 0.1, big(epoch))
        assert [s.epoch for s in read_run(folder).candidates] == [0, 1, 2]
        assert_consistent(folder)
    selector.step(5, 0.01, big(5))  # no candidate, needs no room
    tiny_disk.grow(10_000_000)
    selector.step(6, 0.9, big(6))
    assert_selected(folder, {0: 0.1, 1: 0.2, 2: 0.1 * 2 + 0.1, 5: 0.01, 6: 0.9}, **settings)


def test_a_folder_that_vanishes_under_training_is_named_and_the_books_stay(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path / "run", **SETTINGS), HISTORY[:3])
    peaks = selector.peaks
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(
        CheckpointError, match=r"cannot write .*run/snapshot-0003\.pt: .*No such file or directory"
    ):
        selector.step(3, 0.5, weights(3))
    assert (selector.last_epoch, selector.peaks) == (2, peaks)


def test_weights_that_are_not_finite_change_nothing(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:3])
    before = (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(CheckpointError, match=r"snapshot-0003\.pt: w must be finite"):
        selector.step(3, 0.9, {"w": torch.tensor([math.nan])})
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert selector.last_epoch == 2
    record(selector, start=3)
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, None, weights(3)), "score must be a number, got None"),
        ((-1, 0.5, weights(3)), "epoch must be an integer >= 0, got -1"),
        ((12, 0.5, weights(3)), "epoch must be < 12, the end of the cycles, got 12"),
        ((3, 0.9, [1.0]), "model must be a module or its state_dict(), got list"),
        ((3, 0.9, weights(3), math.nan), "lr must be finite, got nan"),
    ],
)
def test_bad_arguments_are_named_and_change_nothing(tmp_path, arguments, message):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:3])
    before = (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(ArgumentError, match=re.escape(message)):
        selector.step(*arguments)
    assert (tmp_path / MANIFEST).read_bytes() == before
    record(selector, start=3)
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


def test_arguments_that_are_no_numbers_are_named(tmp_path):
    with pytest.raises(ArgumentError, match=r"dtype must be a floating-point torch\.dtype, got 'float16'"):
        PeakCheckpointSelector(tmp_path, [4], dtype="float16")
    selector = PeakCheckpointSelector(tmp_path, [4])
    with pytest.raises(ArgumentError, match=r"lr must be a number, got \[0.1\]; pass schedule.get_last_lr"):
        selector.step(0, 0.5, weights(0), lr=[0.1])
    with pytest.raises(ArgumentError, match="score must be a number"):
        selector.step(0, 10**400, weights(0))
    assert list(tmp_path.iterdir()) == []


def test_a_bad_argument_of_a_replayed_epoch_does_not_rewind(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    for score, lr in ((None, 0.1), (0.5, math.inf)):
        with pytest.raises(ArgumentError):
            selector.step(3, score, weights(3), lr=lr)
        assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


# --- resume, replay, close ------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_reloading_between_any_two_epochs_changes_nothing(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    cycles = Cycles(
        tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))),
        data.draw(st.none() | st.just(2)),
    )
    end = 12 if cycles.end is None else cycles.end
    score = st.sampled_from([0.1, 0.2, 0.3, 0.5, math.nan]) | st.floats(0, 1)
    history = dict(enumerate(data.draw(st.lists(score, min_size=1, max_size=end))))
    chosen = {
        "cycles": cycles,
        "k": data.draw(st.integers(1, 3)),
        "window": data.draw(st.sampled_from([0.5, 1.0])),
        "min_gain": data.draw(st.sampled_from([0.0, None, 0.1])),
        "mode": data.draw(st.sampled_from(["max", "min"])),
    }
    selector = PeakCheckpointSelector(folder, **chosen)
    for epoch, value in history.items():
        if data.draw(st.booleans()):
            selector = PeakCheckpointSelector(folder, **chosen)
        selector.step(epoch, value, weights(epoch))
        assert_selected(folder, {e: s for e, s in history.items() if e <= epoch}, **chosen)


@pytest.mark.parametrize("back", range(13))
@pytest.mark.parametrize("reload", [True, False])
@pytest.mark.parametrize("explicit", [True, False])
def test_a_replayed_run_ends_as_if_it_had_never_stopped(tmp_path, back, reload, explicit):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    if reload:
        selector = PeakCheckpointSelector(tmp_path, **SETTINGS)
    if explicit or back < 8:  # the finished cycles that would be lost begin at 0, 4 and 8
        selector.rewind(back)
        assert_consistent(tmp_path)
        assert [entry.epoch for entry in read_run(tmp_path).history] == list(range(back))
    for epoch in range(back, len(HISTORY)):
        selector.step(epoch, HISTORY[epoch], weights(epoch), lr=0.1)
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


@pytest.mark.parametrize("reload", [True, False])
@pytest.mark.parametrize(("epoch", "finished"), [(0, 4), (0, 12), (3, 8), (7, 12)])
def test_a_script_started_again_in_an_old_folder_loses_nothing(tmp_path, epoch, finished, reload):
    selector = record(PeakCheckpointSelector(tmp_path, **{**SETTINGS, "min_gain": None}), HISTORY[:finished])
    if reload:
        selector = PeakCheckpointSelector(tmp_path, **{**SETTINGS, "min_gain": None})
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for score in (0.1, math.nan):
        with pytest.raises(ArgumentError, match=rf"would cost the finished.*; call rewind\({epoch}\) first"):
            selector.step(epoch, score, weights(epoch))
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    selector.rewind(epoch)
    selector.step(epoch, 0.1, weights(epoch))
    assert_consistent(tmp_path)


def test_who_only_looks_at_a_run_changes_nothing(tmp_path):
    training = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:6])
    (tmp_path / "snapshot-0006.pt").write_text("written, and not named yet")
    (tmp_path / ".tmp-1-snapshot-0007.pt").write_text("being written")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    looking = PeakCheckpointSelector(tmp_path, **SETTINGS)
    assert looking.peaks == training.peaks
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_two_selectors_do_not_write_into_one_folder(tmp_path):
    first = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:2])
    second = PeakCheckpointSelector(tmp_path, **SETTINGS)
    first.step(2, HISTORY[2], weights(2), lr=0.1)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ManifestError, match="must be written by one selector alone, but another changed"):
        second.step(2, 0.9, weights(20))
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    record(first, start=3)
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


@pytest.mark.parametrize("cycles", [[4, 4, 4, 4], [4, 4, 4, 1], Cycles((4, 4, 4, 4)).until(14)])
def test_a_run_goes_on_with_more_cycles(tmp_path, cycles):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    longer = PeakCheckpointSelector(tmp_path, **{**SETTINGS, "cycles": cycles})
    longer.step(12, 0.95, weights(12), lr=0.1)
    settings = {**SETTINGS, "cycles": cycles}
    assert_selected(tmp_path, dict(enumerate([*HISTORY, 0.95])), **settings)


@pytest.mark.parametrize(
    ("done", "longer", "agree"),
    [
        (12, [4, 4, 4, 4], True),
        (12, [4, 4, 8], False),
        (10, [4, 4, 8], False),
        (8, [4, 4, 8], True),
        (0, [7], True),
        (12, Cycles((4, 4, 8)).until(12), False),
        (12, geometric_cycles(4), True),
    ],
)
def test_cycles_may_differ_only_where_nothing_was_recorded(tmp_path, done, longer, agree):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:done])
    with contextlib.nullcontext() if agree else pytest.raises(ManifestError, match="cycles must be"):
        PeakCheckpointSelector(tmp_path, **{**SETTINGS, "cycles": longer})


def test_a_replayed_epoch_has_its_new_weights(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path, [4], k=1), [0.1, 0.2, 0.3, 0.4])
    selector.step(3, 0.9, {"w": torch.tensor([7.0])})
    (member,) = read_run(tmp_path).members
    assert (member.epoch, member.score) == (3, 0.9)
    assert load_weights(tmp_path / member.file, expected=member.record)["w"].tolist() == [7.0]


@pytest.mark.parametrize("epoch", [-1, 1.5, None])
def test_a_run_is_rewound_to_epochs_only(tmp_path, epoch):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    with pytest.raises(ArgumentError, match=f"epoch must be an integer >= 0, got {epoch}"):
        selector.rewind(epoch)
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


@pytest.mark.parametrize("reload", [True, False])
def test_closing_early_keeps_the_cycle_under_way_and_may_be_undone(tmp_path, reload):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:11])
    assert [s.epoch for s in read_run(tmp_path).members] == [1, 3]
    assert selector.close() == ()
    assert [s.epoch for s in read_run(tmp_path).members] == [1, 3, 9, 10]
    if reload:
        selector = PeakCheckpointSelector(tmp_path, **SETTINGS)
        assert selector.peaks.candidates == ()
    assert selector.close() == ()
    selector.step(11, 0.8, weights(11))
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


def test_closing_early_drops_a_cycle_that_is_no_better(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS), HISTORY[:6])
    assert [s.epoch for s in selector.close()] == [4, 5]
    assert_consistent(tmp_path)
    assert [s.epoch for s in read_run(tmp_path).members] == [1, 3]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"k": 3}, "k must be 2 as in the run at"),
        ({"window": 0.5}, "window must be 1.0 as in the run at"),
        ({"min_gain": None}, "min_gain must be 0.0 as in the run at"),
        ({"mode": "min"}, "mode must be max as in the run at"),
        ({"smoothing": 3}, "smoothing must be 5 as in the run at"),
        (
            {"cycles": [4, 8]},
            "cycles must be Cycles(lengths=(4, 4, 4), T_mult=None, end=12) as in the run at",
        ),
        ({"cycles": geometric_cycles(5)}, "got Cycles(lengths=(5,), T_mult=1, end=None); continue with"),
    ],
)
def test_other_settings_than_the_runs_are_refused(tmp_path, other, message):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ManifestError, match=re.escape(message)):
        PeakCheckpointSelector(tmp_path, **{**SETTINGS, **other})
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_what_a_kill_left_behind_is_removed_and_nothing_else(tmp_path):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    ours = ["snapshot-0007.pt", ".tmp-123-snapshot-0008.pt", f".tmp-9-{MANIFEST}", "snapshot-12345.pt"]
    others = [
        "notes.txt",
        "snapshot-7.pt",
        "model_best.pt",
        ".tmp-123-notes.txt",
        "xsnapshot-0007.pt",
        "snapshot-0007.pth",
    ]
    for name in ours + others:
        (tmp_path / name).write_text("x")
    selector = PeakCheckpointSelector(tmp_path, **SETTINGS)
    selector.step(11, HISTORY[11], weights(11))
    left = {file.name for file in tmp_path.iterdir()}
    assert left.isdisjoint(ours)
    assert left.issuperset(others)
    for name in others:
        (tmp_path / name).unlink()
    assert_selected(tmp_path, dict(enumerate(HISTORY)), **SETTINGS)


def test_snapshots_without_a_manifest_are_not_touched(tmp_path):
    (tmp_path / "snapshot-0007.pt").write_text("someone's")
    with pytest.raises(
        ManifestError, match=r"must have a manifest\.json beside its snapshots, but has none; restore"
    ):
        PeakCheckpointSelector(tmp_path, **SETTINGS)
    assert (tmp_path / "snapshot-0007.pt").read_text() == "someone's"


def test_a_file_is_no_run_folder(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ArgumentError, match="run_dir must be a folder, got the file"):
        PeakCheckpointSelector(tmp_path / "a", **SETTINGS)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_missing_or_cut_snapshot_is_named(tmp_path, damage):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    damage(tmp_path / "snapshot-0003.pt")
    with pytest.raises(
        CheckpointError, match=r"snapshot-0003\.pt must have \d+ bytes, got (no file|\d+); restore"
    ):
        PeakCheckpointSelector(tmp_path, **SETTINGS)


def test_a_damaged_manifest_is_named_and_nothing_is_removed(tmp_path):
    record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    data = json.loads((tmp_path / MANIFEST).read_text())
    data["snapshots"].append(data["snapshots"].pop(0))
    (tmp_path / MANIFEST).write_text(json.dumps(data))
    before = {file.name for file in tmp_path.iterdir()}
    with pytest.raises(ManifestError, match="epochs of snapshots must increase"):
        PeakCheckpointSelector(tmp_path, **SETTINGS)
    assert {file.name for file in tmp_path.iterdir()} == before


# --- books alone ----------------------------------------------------------------------------------------


def test_update_touches_no_file_and_decides_the_same(tmp_path):
    with_files, books = (PeakCheckpointSelector(tmp_path / name, **SETTINGS) for name in "ab")
    for epoch, score in enumerate(HISTORY):
        assert books.update(epoch, score) == with_files.step(epoch, score, weights(epoch))
    assert books.peaks == with_files.peaks
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "call", [lambda s: s.step(2, 0.5, weights(2)), lambda s: s.rewind(0), lambda s: s.close()]
)
def test_books_and_files_are_not_mixed(tmp_path, call):
    selector = PeakCheckpointSelector(tmp_path / "a", **SETTINGS)
    selector.update(1, 0.5)
    with pytest.raises(ArgumentError, match=r"epochs \[1\] came by update\(\) alone; call step\(\) instead"):
        call(selector)
    assert not (tmp_path / "a").exists()


def test_books_and_files_are_not_mixed_after_a_rewind_either(tmp_path):
    selector = record(PeakCheckpointSelector(tmp_path, **SETTINGS))
    selector.rewind(6)
    selector.update(10, 0.9)
    with pytest.raises(ArgumentError, match=r"epochs \[10\] came by update\(\) alone"):
        selector.step(11, 0.8, weights(11))


# --- how much disk --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [None, torch.float16])
@pytest.mark.parametrize(
    "settings",
    [
        {"cycles": [4, 4, 4], "k": 2, "window": 1.0},
        {"cycles": [4, 4, 4], "k": 9, "window": 0.5},
        {"cycles": [10], "k": 1},
        {"cycles": Cycles((6, 6), end=11), "k": 2},
        {"cycles": Cycles((6, 60), end=11), "k": 2},
        {"cycles": [1] * 12, "k": 5},
    ],
)
def test_the_disk_asked_for_is_enough_and_not_far_from_it(tmp_path, monkeypatch, settings, dtype):
    model = nn.Linear(400, 100)
    selector = PeakCheckpointSelector(tmp_path, **settings, min_gain=None, dtype=dtype)
    sizes = []
    disk = WatchedDisk(tmp_path, monkeypatch)
    disk.before = lambda: sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
    for epoch in range(min(12, selector.rule.cycles.end)):
        selector.step(epoch, epoch, model, lr=1 / 3)  # better and better: the worst case
    assert max(sizes) <= selector.disk_bytes(model) <= 1.6 * max(sizes)


def test_of_cycles_without_an_end_the_disk_of_one_is_told(tmp_path):
    model = nn.Linear(400, 100)
    open_ended = PeakCheckpointSelector(tmp_path / "a", geometric_cycles(10, 2), k=3)
    assert open_ended.disk_bytes(model) == PeakCheckpointSelector(tmp_path / "b", [10], k=3).disk_bytes(model)


@pytest.mark.parametrize(("short", "warns"), [(1, True), (0, False)])
@pytest.mark.parametrize("cycles", [[4, 4], geometric_cycles(4)])
def test_too_little_free_space_is_warned_about_once(tmp_path, monkeypatch, cycles, short, warns):
    model = nn.Linear(10, 10)
    selector = PeakCheckpointSelector(tmp_path, cycles)
    free = selector.disk_bytes(model) - short
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, free))
    what = "the run" if isinstance(cycles, list) else "a cycle"
    expected = (
        pytest.warns(UserWarning, match=f"{what} may need .* lower k, or pass dtype")
        if warns
        else contextlib.nullcontext()
    )
    with expected as caught:
        selector.step(0, 0.1, model)
    if warns:
        assert [warning.filename for warning in caught] == [__file__]
    selector.step(1, 0.2, model)


def test_what_a_resumed_run_holds_already_is_not_asked_for_again(tmp_path, monkeypatch):
    model = nn.Linear(10, 10)
    selector = PeakCheckpointSelector(tmp_path, [4], window=1.0)
    for epoch in range(3):
        selector.step(epoch, epoch, model)
    held = sum(s.record.size for s in read_run(tmp_path).snapshots)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, selector.disk_bytes(model) - held))
    PeakCheckpointSelector(tmp_path, [4], window=1.0).step(3, 3, model)
    assert len(read_run(tmp_path).members) == 3
