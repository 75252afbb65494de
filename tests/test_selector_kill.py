"""Training killed by SIGKILL at random moments, again and again, ends as if it had never been stopped."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest

from ckpt_uq.checkpoints import load_weights
from ckpt_uq.cycles import cycle_at
from ckpt_uq.manifest import MANIFEST, read_run
from ckpt_uq.selection import select_peaks
from reference import training_loop
from reference.training_loop import N_EPOCHS, SETTINGS, score


def start(folder: Path, replay: int = 0) -> multiprocessing.Process:
    """Start training and return once it is at work; torch is loaded once, in the process that forks."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "ckpt_uq.selection"])
    ready = context.Event()
    process = context.Process(target=training_loop.train, args=(folder, replay, ready))
    process.start()
    assert ready.wait(timeout=120)
    return process


def finish(folder: Path) -> None:
    process = start(folder)
    process.join()
    assert process.exitcode == 0


def assert_sound(folder: Path) -> int:
    """Whatever moment it was: the manifest reads, what it names is whole, and not much else is there."""
    files = [file.name for file in folder.iterdir()] if folder.exists() else []
    snapshots = [name for name in files if name.endswith(".pt") and not name.startswith(".")]
    if MANIFEST not in files:
        assert snapshots == []
        return 0
    run = read_run(folder)
    for snapshot in run.snapshots:
        load_weights(run.path_of(snapshot), expected=snapshot.record)
    cycles = [cycle_at(int(name[9:-3]), SETTINGS["cycles"]).index for name in snapshots]
    assert all(cycles.count(cycle) <= SETTINGS["k"] + 1 for cycle in cycles)
    assert len(files) <= len(snapshots) + 2  # the manifest, and one temporary file
    return len(run.history)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def let_it_work(process: multiprocessing.Process, folder: Path, n_manifests: int, seconds: float) -> None:
    """Wait for some manifests to be written, or the end, and a little longer: anywhere between two."""
    seen = set()
    while process.is_alive() and len(seen) < n_manifests:
        with contextlib.suppress(FileNotFoundError):
            seen.add((folder / MANIFEST).stat().st_mtime_ns)
        time.sleep(0.0005)
    time.sleep(seconds)


def assert_survives(folder: Path, n_kills: int) -> None:
    """Kill training ``n_kills`` times; where it comes to its end all the same, it starts anew."""
    finish(folder / "whole")
    peaks = select_peaks([score(epoch) for epoch in range(N_EPOCHS)], **SETTINGS)
    assert [s.epoch for s in read_run(folder / "whole").members] == [s.epoch for s in peaks.members]
    assert {s.cycle for s in peaks.members} == {0, 2, 3}
    expected = contents(folder / "whole")
    dice = random.Random(0)
    kills, moments, runs = 0, set(), 0
    while kills < n_kills:
        process = start(folder / str(runs), replay=dice.choice([0, 0, 4]))
        let_it_work(process, folder / str(runs), dice.randint(0, 15), dice.uniform(0, 0.01))
        process.kill()
        process.join()
        moments.add(assert_sound(folder / str(runs)))
        kills += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            assert contents(folder / str(runs)) == expected
            runs += 1
    finish(folder / str(runs))
    assert contents(folder / str(runs)) == expected
    assert len(moments) > n_kills / 4  # at different epochs


def test_ten_kills(tmp_path):
    assert_survives(tmp_path, n_kills=10)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path):
    assert_survives(tmp_path, n_kills=200)
