"""The manifest: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.checkpoints import FileRecord
from ckpt_uq.cycles import cycles_ending_at, geometric_cycles
from ckpt_uq.errors import ManifestError
from ckpt_uq.manifest import MANIFEST, Recorded, RunManifest, SavedSnapshot, read_run, write_run
from ckpt_uq.peaks import PeakRule

HASH = "0123456789abcdef" * 4


def run_in(folder: Path, **rule) -> RunManifest:
    history = (
        Recorded(0, 0.5, 0.1),
        Recorded(1, math.nan, None),
        Recorded(2, 0.25, 0.05),
        Recorded(4, 1e-300, 0.1),
    )
    snapshots = (
        SavedSnapshot(0, 0.5, 0, "snapshot-0000.pt", FileRecord(10, HASH), 0.1, True),
        SavedSnapshot(2, 0.25, 1, "snapshot-0002.pt", FileRecord(2**40, HASH[::-1]), 0.05, True),
        SavedSnapshot(4, 1e-300, 2, "snapshot-0004.pt", FileRecord(0, HASH), None, False),
    )
    return RunManifest(
        folder, PeakRule(**{"cycles": cycles_ending_at([2, 4, 8]), **rule}), history, snapshots
    )


def test_every_field_is_written(tmp_path):
    write_run(run_in(tmp_path))
    assert json.loads((tmp_path / MANIFEST).read_text()) == {
        "format": "ckpt_uq.run",
        "version": 1,
        "mode": "max",
        "k": 3,
        "window": 0.5,
        "min_gain": 0.0,
        "smoothing": 5,
        "cycles": {"lengths": [2, 2, 4], "T_mult": None, "end": 8},
        "history": [
            {"epoch": 0, "score": 0.5, "lr": 0.1},
            {"epoch": 1, "score": None, "lr": None},
            {"epoch": 2, "score": 0.25, "lr": 0.05},
            {"epoch": 4, "score": 1e-300, "lr": 0.1},
        ],
        "snapshots": [
            {"file": "snapshot-0000.pt", "epoch": 0, "cycle": 0, "lr": 0.1, "score": 0.5, "size": 10,
             "sha256": HASH, "kept": True},
            {"file": "snapshot-0002.pt", "epoch": 2, "cycle": 1, "lr": 0.05, "score": 0.25, "size": 2**40,
             "sha256": HASH[::-1], "kept": True},
            {"file": "snapshot-0004.pt", "epoch": 4, "cycle": 2, "lr": None, "score": 1e-300, "size": 0,
             "sha256": HASH, "kept": None},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"min_gain": None, "mode": "min", "k": 7, "window": 0.3, "smoothing": 1},
        {"cycles": geometric_cycles(2), "min_gain": -0.1},
        {"cycles": geometric_cycles(2).until(5)},
    ],
)
def test_what_is_written_is_read(tmp_path, rule):
    run = run_in(tmp_path, **rule)
    write_run(run)
    read = read_run(str(tmp_path))
    assert repr(read) == repr(run)  # NaN is not equal to itself, but reads the same
    assert [s.epoch for s in read.members] == [0, 2]
    assert [s.epoch for s in read.candidates] == [4]
    assert [read.path_of(s) for s in read.members] == [
        tmp_path / "snapshot-0000.pt",
        tmp_path / "snapshot-0002.pt",
    ]


def change(*path, to=None, drop=False):
    def apply(data):
        for key in path[:-1]:
            data = data[key]
        if drop:
            del data[path[-1]]
        else:
            data[path[-1]] = to

    return apply


DAMAGE = [
    (change("format", to="other"), "must have the format 'ckpt_uq.run'"),
    (change("format", drop=True), "must have the format 'ckpt_uq.run'"),
    (change("version", to=2), "must have version 1, got 2; read it with the release"),
    (change("version", to="1"), "must have version 1, got '1'"),
    (change("k", drop=True), "manifest must have the keys"),
    (change("extra", to=1), "manifest must have the keys"),
    (change("k", to=0), "k must be an integer >= 1, got 0"),
    (change("k", to=True), "k must be an integer >= 0, got True"),
    (change("k", to="3"), "k must be an integer >= 0, got '3'"),
    (change("k", to=[]), "k must be an integer >= 0, got []"),
    (change("window", to=2), "window must be in (0, 1], got 2.0"),
    (change("window", to=None), "window must be a finite number, got None"),
    (change("min_gain", to="0"), "min_gain must be a finite number, got '0'"),
    (change("mode", to="best"), "mode must be 'max' or 'min', got 'best'"),
    (change("mode", to={}), "mode must be 'max' or 'min', got {}"),
    (change("smoothing", to=1.5), "smoothing must be an integer >= 0, got 1.5"),
    (change("cycles", to=[2, 2, 4]), "cycles must map lengths, T_mult and end"),
    (change("cycles", "lengths", to=[2, 0]), "every cycle length must be an integer >= 1, got 0"),
    (change("cycles", "lengths", to="ab"), "every cycle length must be an integer >= 1, got 'a'"),
    (change("cycles", "lengths", to=5), "cycles must map lengths, T_mult and end"),
    (change("cycles", "end", to=99), "end must lie in the last cycle"),
    (change("history", to={}), "history must be a list, got {}"),
    (change("history", 0, to=3), "history entry must have the keys"),
    (change("history", 0, "epoch", to=-1), "epoch must be an integer >= 0, got -1"),
    (change("history", 0, "epoch", to=True), "epoch must be an integer >= 0, got True"),
    (change("history", 2, "epoch", to=1), "epochs of history must increase, got [0, 1, 1, 4]"),
    (change("history", 3, "epoch", to=8), "epoch must be < 8"),
    (change("history", 0, "score", to="0.5"), "score must be a finite number, got '0.5'"),
    (change("history", 0, "score", to=10**400), "damaged: int too large"),
    (change("history", 0, "lr", to=[]), "lr must be a finite number, got []"),
    (change("snapshots", to=None), "snapshots must be a list, got None"),
    (change("snapshots", 0, "sha256", drop=True), "snapshot must have the keys"),
    (change("snapshots", 0, "epoch", to=3), "snapshot of epoch 3 with score 0.5 must be in the history"),
    (change("snapshots", 0, "score", to=0.6), "snapshot of epoch 0 with score 0.6 must be in the history"),
    (change("snapshots", 0, "score", to=None), "score must be a finite number, got None"),
    (change("snapshots", 0, "cycle", to=1), "cycle of epoch 0 must be 0, got 1"),
    (
        change("snapshots", 0, "file", to="../../etc/passwd"),
        "file must be a plain name inside the run folder",
    ),
    (change("snapshots", 0, "file", to="/etc/passwd"), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to="a\\b.pt"), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to="a\n.pt"), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to=".."), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to=".hidden"), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to=""), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to="manifest.json"), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to=3), "file must be a plain name inside the run folder"),
    (change("snapshots", 0, "file", to="snapshot-0002.pt"), "every snapshot must have a file of its own"),
    (change("snapshots", 0, "size", to=-1), "size must be an integer >= 0, got -1"),
    (change("snapshots", 0, "size", to=1.0), "size must be an integer >= 0, got 1.0"),
    (change("snapshots", 0, "sha256", to=HASH[:-1]), "sha256 must be 64 hexadecimal digits"),
    (change("snapshots", 0, "sha256", to=HASH.upper()), "sha256 must be 64 hexadecimal digits"),
    (change("snapshots", 0, "sha256", to=None), "sha256 must be 64 hexadecimal digits"),
    (change("snapshots", 0, "lr", to="0.1"), "lr must be a finite number, got '0.1'"),
    (change("snapshots", 0, "kept", to=False), "kept must be true or null, got False"),
    (change("snapshots", 0, "kept", to=1), "kept must be true or null, got 1"),
    (change("snapshots", 1, "kept", to=None), "kept must be true in every cycle but the last"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_a_damaged_manifest_is_refused(tmp_path, damage, message):
    write_run(run_in(tmp_path))
    data = json.loads((tmp_path / MANIFEST).read_text())
    damage(data)
    (tmp_path / MANIFEST).write_text(json.dumps(data))
    with pytest.raises(ManifestError, match=re.escape(message)) as caught:
        read_run(tmp_path)
    assert str(tmp_path / MANIFEST) in str(caught.value)
    assert "; " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"ckpt_uq.run"', "[" * 100_000, '{"format": NaN}', "{\"a\": Infinity}", "\udcff"],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ManifestError, match=re.escape(str(tmp_path / MANIFEST))):
        read_run(tmp_path)


@given(st.data())
def test_no_single_changed_byte_gives_anything_but_a_manifest_or_its_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    write_run(run_in(folder))
    content = bytearray((folder / MANIFEST).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / MANIFEST).write_bytes(content)
    try:
        run = read_run(folder)
    except ManifestError:
        return
    assert all(run.path_of(s).parent == folder for s in run.snapshots)


def test_the_run_within_a_results_folder_is_hinted_at(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MANIFEST).write_text("{}")
    with pytest.raises(ManifestError, match=re.escape(f"such as {tmp_path / 'run'}")):
        read_run(tmp_path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ManifestError, match=r"manifest\.json is missing; pass the folder of a run"):
        read_run(tmp_path)
    with pytest.raises(ManifestError, match="is missing"):
        read_run(tmp_path / "nowhere")


def test_reading_touches_nothing(tmp_path):
    write_run(run_in(tmp_path))
    (tmp_path / "snapshot-0009.pt").touch()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    read_run(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
