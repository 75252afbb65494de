"""Zarr arrays, slab by slab: the same numbers however they are cut, and nothing half written."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io import zarr_store
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.volume import Volume, read_volume, write_volume

AFFINE = np.array([[-0.8, 0.0, 0.1, 12.0], [0.0, 0.7, 0.0, -30.0], [0.05, 0.0, 3.0, 101.5], [0, 0, 0, 1]])


@settings(max_examples=15)
@given(
    depths=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    chunk=st.integers(1, 7),
    back=st.integers(1, 9),
)
def test_slabs_of_any_depth_make_up_the_volume(
    tmp_path_factory, depths: list[int], chunk: int, back: int
) -> None:
    path = tmp_path_factory.mktemp("zarr") / "v.zarr"
    data = np.arange(sum(depths) * 6, dtype=np.int16).reshape(-1, 2, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zarr_store, "_CHUNK_VOXELS", chunk * 6)
        with zarr_store.slab_writer(path, Geometry(data.shape, AFFINE), data.dtype) as write:
            start = 0
            for depth in depths:
                write(data[start : start + depth])
                start += depth
    stored = zarr.open_array(path, mode="r")
    assert stored.chunks == (min(chunk, len(data)), 2, 3)
    np.testing.assert_array_equal(stored[...], data)
    found = list(zarr_store.slabs(path, back))
    assert [len(slab) for slab in found[:-1]] == [back] * (len(found) - 1)
    np.testing.assert_array_equal(np.concatenate(found), data)
    whole, geometry = read_volume(path), zarr_store.read_geometry(path)
    np.testing.assert_array_equal(whole.data, data)
    assert whole.affine.tolist() == geometry.affine.tolist() == AFFINE.tolist()
    assert geometry.shape == data.shape


def test_a_slab_that_is_changed_afterwards_is_written_as_it_was(tmp_path: Path) -> None:
    slab = np.zeros((1, 2, 3), np.float32)
    with zarr_store.slab_writer(tmp_path / "v.zarr", Geometry((3, 2, 3), AFFINE), np.float32) as write:
        for value in range(3):
            slab[:] = value
            write(slab)
    assert read_volume(tmp_path / "v.zarr").data[:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([(2, 2, 3)], "got 2 slices"),
        ([(2, 2, 3), (2, 2, 3)], r"got \(2, 2, 3\) after slice 2"),
        ([(3, 3, 2)], r"got \(3, 3, 2\) after slice 0"),
    ],
)
def test_slabs_that_do_not_fit_leave_nothing(tmp_path: Path, written, message: str) -> None:
    def write_all() -> None:
        with zarr_store.slab_writer(tmp_path / "v.zarr", Geometry((3, 2, 3), AFFINE), np.float32) as write:
            for shape in written:
                write(np.zeros(shape))

    with pytest.raises(ArgumentError, match=message):
        write_all()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    write_volume(tmp_path / "v.zarr", Volume(np.ones((3, 2, 3)), AFFINE))
    with pytest.raises(ArgumentError, match="path must not exist yet"):
        write_volume(tmp_path / "v.zarr", Volume(np.zeros((3, 2, 3)), AFFINE))
    assert read_volume(tmp_path / "v.zarr").data.min() == 1


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        ((2, 3), AFFINE.tolist(), "must have 3 axes"),
        ((2, 3, 4), [[1, 0], [0, 1]], r"must have an affine of shape \(4, 4\), got \(2, 2\)"),
        ((2, 3, 4), "here", "must have an affine of numbers"),
    ],
)
def test_what_is_no_volume_is_said(tmp_path: Path, shape, affine, message: str) -> None:
    zarr.create_array(tmp_path / "v.zarr", shape=shape, dtype="f4", attributes={"affine": affine})
    for read in (zarr_store.read_geometry, read_volume):
        with pytest.raises(DataError, match=message):
            read(tmp_path / "v.zarr")


def test_memory_is_that_of_a_chunk(tmp_path: Path) -> None:
    """64 MB pass through, in slabs of 1 MB and chunks of 4."""
    geometry = Geometry((64, 512, 512), AFFINE)
    tracemalloc.start()
    with zarr_store.slab_writer(tmp_path / "v.zarr", geometry, np.float32) as write:
        for start in range(64):
            write(np.full((1, 512, 512), start, np.float32))
    total = sum(int(slab[0, 0, 0]) * len(slab) for slab in zarr_store.slabs(tmp_path / "v.zarr", 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == sum(range(64))
    assert peak < 32e6
