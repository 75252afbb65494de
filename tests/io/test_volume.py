"""One volume through every format: the numbers come back, and damage is named."""

from __future__ import annotations

import builtins
import json
import os
import pickle

import numpy as np
import pytest
import zarr
from PIL import Image

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.volume import Volume, read_volume, write_volume

AFFINE = np.diag([0.7, 0.7, 3.0, 1.0])
WITH_PLACE = ["v.nii.gz", "v.nii", "v.npz", "v.zarr"]
WITHOUT_PLACE = ["v.npy", "stack"]


def numbers(dtype="uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (3, 4, 5)).astype(dtype)


@pytest.mark.parametrize("name", WITH_PLACE + WITHOUT_PLACE)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_numbers_come_back(tmp_path, name, dtype):
    write_volume(tmp_path / name, Volume(numbers(dtype), AFFINE))
    back = read_volume(tmp_path / name)
    assert back.data.dtype == dtype
    np.testing.assert_array_equal(back.data, numbers(dtype))
    np.testing.assert_allclose(back.affine, AFFINE if name in WITH_PLACE else np.eye(4), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [*WITH_PLACE, "v.npy"])
def test_real_numbers_come_back_to_the_bit(tmp_path, name):
    data = np.random.default_rng(0).normal(size=(3, 4, 5))
    write_volume(tmp_path / name, Volume(data, AFFINE))
    np.testing.assert_array_equal(read_volume(tmp_path / name).data, data)


def test_one_slice_is_one_png(tmp_path):
    write_volume(tmp_path / "v.png", Volume(numbers()[:1], AFFINE))
    np.testing.assert_array_equal(read_volume(tmp_path / "v.png").data, numbers()[:1])
    with pytest.raises(ArgumentError, match="data must be one slice for a single PNG, got 3"):
        write_volume(tmp_path / "w.png", Volume(numbers(), AFFINE))


def test_a_mask_becomes_zeros_and_ones(tmp_path):
    write_volume(tmp_path / "stack", Volume(numbers() > 99, AFFINE))
    np.testing.assert_array_equal(read_volume(tmp_path / "stack").data, (numbers() > 99).astype(np.uint8))


def test_slices_follow_the_numbers_in_their_names(tmp_path):
    for index in (1, 2, 10):
        Image.fromarray(np.full((2, 2), index, np.uint8)).save(tmp_path / f"slice{index}.png")
    assert read_volume(tmp_path).data[:, 0, 0].tolist() == [1, 2, 10]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (Image.new("RGB", (4, 4)), r"1\.png must be grayscale of 8 or 16 bit, got mode RGB"),
        (
            Image.new("L", (5, 4)),
            r"1\.png must match the first slice, uint8 of shape \(4, 4\), got .* \(4, 5\)",
        ),
        (Image.new("I;16", (4, 4)), r"1\.png must match the first slice, uint8 .* got uint16"),
    ],
)
def test_an_odd_slice_is_named(tmp_path, odd, message):
    Image.new("L", (4, 4)).save(tmp_path / "0.png")
    odd.save(tmp_path / "1.png")
    with pytest.raises(DataError, match=message):
        read_volume(tmp_path)


def test_a_folder_without_slices_is_named(tmp_path):
    with pytest.raises(DataError, match="must hold slices as"):
        read_volume(tmp_path)


def test_png_holds_no_real_numbers(tmp_path):
    with pytest.raises(ArgumentError, match="data must be uint8 or uint16 for PNG, got float32"):
        write_volume(tmp_path / "stack", Volume(numbers("float32"), AFFINE))


@pytest.mark.parametrize("name", ["stack", "v.zarr"])
def test_a_folder_is_never_replaced(tmp_path, name):
    write_volume(tmp_path / name, Volume(numbers(), AFFINE))
    with pytest.raises(ArgumentError, match="must not exist yet"):
        write_volume(tmp_path / name, Volume(numbers() + 1, AFFINE))
    np.testing.assert_array_equal(read_volume(tmp_path / name).data, numbers())


@pytest.mark.parametrize("name", ["stack", "v.zarr"])
def test_a_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch, name):
    def full(*_args):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_volume(tmp_path / name, Volume(numbers(), AFFINE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["v.nii.gz", "v.npy", "v.npz", "v.png"])
@pytest.mark.parametrize("left", [0, 30, -20])
def test_a_truncated_file_is_named(tmp_path, name, left):
    data = np.random.default_rng(0).integers(0, 255, (1, 64, 64)).astype(np.uint8)
    write_volume(tmp_path / name, Volume(data, AFFINE))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:left])
    with pytest.raises(DataError, match=f"{name} must be a readable"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["v.nii.gz", "v.npy", "v.npz", "v.png", "v.zarr"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match=f"found none at .*{name}"):
        read_volume(tmp_path / name)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"path must end in one of \.nii\.gz.*, got .*v\.mha"):
        read_volume(tmp_path / "v.mha")


@pytest.mark.parametrize("name", ["v.npy", "v.npz", "v.zarr"])
def test_only_three_axes_are_a_volume(tmp_path, name):
    flat = np.zeros((2, 3))
    if name == "v.npy":
        np.save(tmp_path / name, flat)
    elif name == "v.npz":
        np.savez(tmp_path / name, flat)
    else:
        zarr.create_array(tmp_path / name, data=flat)
    with pytest.raises(DataError, match=rf"{name} must have 3 axes \(z, y, x\), got shape \(2, 3\)"):
        read_volume(tmp_path / name)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["v.npy", "v.npz"])
def test_python_objects_are_refused_unopened(tmp_path, name):
    objects = np.array([[[Trap(tmp_path / "sprung")]]], dtype=object)
    (np.save if name == "v.npy" else np.savez)(tmp_path / name, objects)
    with pytest.raises(DataError, match=f"{name} must be a readable"):
        read_volume(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_zarr_chunks_that_are_pickles_are_refused_unopened(tmp_path, place):
    array = zarr.create_array(
        tmp_path / "v.zarr", shape=(2, 2, 2), dtype="f4", zarr_format=2, compressors=None
    )
    array[...] = 1
    meta = json.loads((tmp_path / "v.zarr" / ".zarray").read_text())
    pickled = {"id": "pickle", "protocol": 4}
    meta[place] = [pickled] if place == "filters" else pickled
    (tmp_path / "v.zarr" / ".zarray").write_text(json.dumps(meta))
    (chunk,) = (tmp_path / "v.zarr").glob("0*")
    chunk.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(DataError, match="chunks are pickles, which can run code"):
        read_volume(tmp_path / "v.zarr")
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_zarr_chunk_is_named(tmp_path):
    write_volume(tmp_path / "v.zarr", Volume(numbers(), AFFINE))
    (chunk,) = (path for path in (tmp_path / "v.zarr" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:7])
    with pytest.raises(DataError, match=r"v\.zarr must be a readable zarr array"):
        read_volume(tmp_path / "v.zarr")


def test_without_zarr_the_remedy_is_named(tmp_path, monkeypatch):
    imported = builtins.__import__

    def without_zarr(name, *args, **kwargs):
        if name == "zarr":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_zarr)
    with pytest.raises(DataError, match=r"pip install 'ckpt-uq\[zarr\]'"):
        read_volume(tmp_path / "v.zarr")


def test_of_several_arrays_one_must_be_named_data(tmp_path):
    np.savez(tmp_path / "v.npz", a=numbers(), b=numbers())
    with pytest.raises(DataError, match=r"must hold an array named data, or only one, got \['a', 'b'\]"):
        read_volume(tmp_path / "v.npz")


def test_an_affine_of_another_shape_is_named(tmp_path):
    np.savez(tmp_path / "v.npz", data=numbers(), affine=np.eye(3))
    with pytest.raises(DataError, match=r"affine of shape \(4, 4\), got \(3, 3\)"):
        read_volume(tmp_path / "v.npz")
