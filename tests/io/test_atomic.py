"""Files appear whole or not at all: in which order the disk is asked, and what is left when it refuses."""

from __future__ import annotations

import errno
import os

import pytest

from ckpt_uq.io.atomic import atomic_path, temporaries_in, write_bytes_atomic
from reference.disk import WatchedDisk


def test_data_then_name_then_directory(tmp_path, monkeypatch):
    disk = WatchedDisk(tmp_path, monkeypatch)
    write_bytes_atomic(tmp_path / "a.json", b"new")
    temporary = f".tmp-{os.getpid()}-a.json"
    assert disk.operations == [
        ("write", temporary),
        ("sync", temporary),
        ("rename", temporary, "a.json"),
        ("sync", "."),
    ]
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_data_are_in_the_file_before_it_is_synced(tmp_path, monkeypatch):
    sizes = []
    disk = WatchedDisk(tmp_path, monkeypatch)
    disk.before = lambda: sizes.append([file.stat().st_size for file in tmp_path.iterdir()])
    write_bytes_atomic(tmp_path / "a", b"x" * 100)
    assert sizes == [[0], [100], [100], [100]]  # before the write, the sync, the rename, the directory's sync


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("fail_at", range(4))
def test_full_disk_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, old, fail_at):
    path = tmp_path / "a"
    if old is not None:
        path.write_bytes(old)
    disk = WatchedDisk(tmp_path, monkeypatch)
    disk.fail_at = fail_at
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes_atomic(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    expected = b"new" if fail_at == 3 else old  # only the directory's sync comes after the rename
    assert left == ({} if expected is None else {"a": expected})


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a": b"old"}


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_stays_for_writers_that_go_by_it(tmp_path):
    with atomic_path(tmp_path / "a.nii.gz") as temporary:
        assert temporary.name.endswith(".nii.gz")
        assert temporary.parent == tmp_path
        temporary.touch()


def test_what_killed_processes_left_is_recognised_and_nothing_else(tmp_path):
    for name in (".tmp-12-a.json", ".tmp-7-b.pt", "a.json", ".tmp-x-a.json", "tmp-1-a.json", ".tmp-3-"):
        (tmp_path / name).touch()
    found = {file.name: name for file, name in temporaries_in(tmp_path).items()}
    assert found == {".tmp-12-a.json": "a.json", ".tmp-7-b.pt": "b.pt"}
