"""Saved probabilities: every slab is that of the whole array, and damage is refused by name."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile

import nibabel as nib
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.probabilities import find_cases, geometry_beside, open_probabilities
from ckpt_uq.io.probabilities_writer import probabilities_writer


def probabilities(shape=(3, 5, 6, 7), dtype="f4") -> np.ndarray:
    """Half noise, half constant, so that deflate has blocks of both kinds."""
    values = np.random.default_rng(0).random(shape)
    values[:, ::2] = 0.25
    return values.astype(dtype)


def save_zarr(path, array) -> None:
    stored = zarr.create_array(path, shape=array.shape, chunks=(1, 2, *array.shape[2:]), dtype=array.dtype)
    stored[...] = array


SAVERS = {
    "nnU-Net 2": ("a.npz", lambda path, array: np.savez_compressed(path, probabilities=array)),
    "nnU-Net 1": ("a.npz", lambda path, array: np.savez_compressed(path, softmax=array)),
    "not compressed": ("a.npz", lambda path, array: np.savez(path, probabilities=array)),
    "among others": ("a.npz", lambda path, array: np.savez_compressed(path, x=np.ones(3), softmax=array)),
    "npy": ("a.npy", np.save),
    "zarr": ("a.zarr", save_zarr),
}


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("how", SAVERS)
def test_slabs_are_those_of_the_whole(tmp_path, how, dtype, depth):
    name, save = SAVERS[how]
    whole = probabilities(dtype=dtype)
    save(tmp_path / name, whole)
    with open_probabilities(tmp_path / name) as opened:
        assert opened.shape == whole.shape
        slabs = list(opened.slabs(depth))
    assert [slab.shape[1] for slab in slabs] == [min(depth, 5 - start) for start in range(0, 5, depth)]
    assert {slab.dtype for slab in slabs} == {np.dtype(dtype).newbyteorder("=")}
    np.testing.assert_array_equal(np.concatenate(slabs, axis=1), whole)


def test_a_large_file_is_read_through_many_blocks(tmp_path):
    whole = probabilities((4, 9, 200, 210))
    np.savez_compressed(tmp_path / "a.npz", probabilities=whole)
    assert (tmp_path / "a.npz").stat().st_size > 1 << 21
    with open_probabilities(tmp_path / "a.npz") as opened:
        slabs = np.concatenate(list(opened.slabs(4)), axis=1)
        again = np.concatenate(list(opened.slabs(2)), axis=1)
    np.testing.assert_array_equal(slabs, whole)
    np.testing.assert_array_equal(again, whole)


@given(st.lists(st.integers(1, 5), min_size=4, max_size=4), st.integers(1, 6), st.integers(0, 9))
def test_any_shape_in_any_slabs(tmp_path_factory, shape, depth, level):
    whole = probabilities(tuple(shape), "f2")
    path = tmp_path_factory.mktemp("any") / "a.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive,
        archive.open("probabilities.npy", "w") as file,
    ):
        np.save(file, whole)
    with open_probabilities(path) as opened:
        np.testing.assert_array_equal(np.concatenate(list(opened.slabs(depth)), axis=1), whole)


def broken(path, how: str) -> None:
    """Break a file of probabilities in one way."""
    whole = path.read_bytes()
    info = zipfile.ZipFile(path).getinfo("probabilities.npy")
    start = info.header_offset + 30 + sum(struct.unpack("<HH", whole[26:30]))
    middle = start + info.compress_size // 2
    path.write_bytes(
        {
            "empty": b"",
            "no zip": b"probabilities" * 100,
            "cut in half": whole[: len(whole) // 2],
            "cut at the end": whole[:-5],
            "data flipped": whole[:middle] + bytes([whole[middle] ^ 0x10]) + whole[middle + 1 :],
            "checksum flipped": whole.replace(struct.pack("<I", info.CRC), struct.pack("<I", info.CRC ^ 1)),
            "local header gone": b"XXXX" + whole[4:],
        }[how]
    )


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "no zip",
        "cut in half",
        "cut at the end",
        "data flipped",
        "checksum flipped",
        "local header gone",
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_refused_when_opened(tmp_path, save, how):
    save(tmp_path / "case_3.npz", probabilities=probabilities())
    broken(tmp_path / "case_3.npz", how)
    with (
        pytest.raises(DataError, match=r"case_3\.npz must hold saved probabilities: .+"),
        open_probabilities(tmp_path / "case_3.npz"),
    ):
        raise AssertionError("it was opened")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "a.npz",
            np.ones((2, 3, 4), "f4"),
            r"must have shape \(C, z, y, x\), none of them 0, got \(2, 3, 4\)",
        ),
        ("a.npz", np.ones((2, 0, 4, 4), "f4"), r"none of them 0, got \(2, 0, 4, 4\)"),
        ("a.npz", np.ones((2, 3, 4, 4), "u1"), "must be float16, float32 or float64, got uint8"),
        ("a.npz", np.ones((2, 3, 4, 4), "c8"), "must be float16, float32 or float64, got complex64"),
        ("a.npz", np.array([[[[None]]]]), "Python objects, which are never unpickled"),
        ("a.npz", np.asfortranarray(np.ones((2, 3, 4, 4))), "must be in C order, got Fortran order"),
        ("a.npy", np.ones((2, 3, 4), "f4"), r"none of them 0, got \(2, 3, 4\)"),
        ("a.npy", np.array([[[[None]]]]), "Python objects, which are never unpickled"),
        ("a.npy", np.asfortranarray(np.ones((2, 3, 4, 4))), "must be in C order, got Fortran order"),
        ("a.zarr", np.ones((2, 3, 4), "f4"), r"none of them 0, got \(2, 3, 4\)"),
        ("a.zarr", np.ones((2, 3, 4, 4), "u1"), "must be float16, float32 or float64, got uint8"),
    ],
)
def test_an_array_that_is_no_probabilities_is_refused_by_name(tmp_path, name, array, message):
    path = tmp_path / name
    if name == "a.npz":
        np.savez_compressed(path, probabilities=array)
    elif name == "a.npy":
        np.save(path, array)
    else:
        zarr.create_array(path, data=array)
    with pytest.raises(DataError, match=rf"{name} must hold .*{message}"), open_probabilities(path):
        raise AssertionError("it was opened")


@pytest.mark.parametrize("change", [-8, 8])
def test_an_npy_of_another_size_than_announced_is_refused(tmp_path, change):
    np.save(tmp_path / "a.npy", probabilities())
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:change] if change < 0 else whole + bytes(change))
    with (
        pytest.raises(DataError, match=r"a\.npy .* announces \d+ bytes and holds \d+, is it truncated"),
        open_probabilities(tmp_path / "a.npy"),
    ):
        raise AssertionError("it was opened")


def test_a_zip_without_the_key_names_what_is_there(tmp_path):
    np.savez(tmp_path / "a.npz", logits=probabilities())
    with (
        pytest.raises(DataError, match=r"one of probabilities\.npy, softmax\.npy inside, got logits\.npy"),
        open_probabilities(tmp_path / "a.npz"),
    ):
        raise AssertionError("it was opened")


def test_another_packing_is_refused(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive,
        archive.open("softmax.npy", "w") as file,
    ):
        np.save(file, probabilities())
    with (
        pytest.raises(DataError, match=r"softmax\.npy must be packed as numpy\.savez"),
        open_probabilities(tmp_path / "a.npz"),
    ):
        raise AssertionError("it was opened")


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.zarr"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match=name), open_probabilities(tmp_path / name):
        raise AssertionError("it was opened")


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path):
    np.save(tmp_path / "a.npy", probabilities())
    with open_probabilities(tmp_path / "a.npy") as opened:
        slabs = opened.slabs(1)
        next(slabs)
        os.truncate(tmp_path / "a.npy", 500)
        with pytest.raises(DataError, match=r"a\.npy .* ends early"):
            list(slabs)


def test_cases_are_found_by_name_and_nothing_else(tmp_path):
    for name in ("b.npz", "a.npy", "c.zarr", "b.pkl", "b.nii.gz", "dataset.json", ".tmp-1-d.npz"):
        (tmp_path / name).touch()
    assert {name: path.name for name, path in find_cases(tmp_path).items()} == {
        "a": "a.npy",
        "b": "b.npz",
        "c": "c.zarr",
    }


def test_a_case_twice_is_refused(tmp_path):
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).touch()
    with pytest.raises(ArgumentError, match=r"must hold each case once, got a\.npy and a\.npz"):
        find_cases(tmp_path)


def test_a_member_must_be_a_folder(tmp_path):
    with pytest.raises(ArgumentError, match=r"a member must be a folder .* found none at .*nowhere"):
        find_cases(tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_the_place_is_that_of_the_nifti_beside_with_axes_reversed(tmp_path, suffix):
    assert geometry_beside(tmp_path / "case.1.npz") is None
    nib.Nifti1Image(np.zeros((7, 6, 5), np.uint8), np.diag([1, 2, 3, 1])).to_filename(
        tmp_path / f"case.1{suffix}"
    )
    geometry = geometry_beside(tmp_path / "case.1.npz")
    assert geometry.shape == (5, 6, 7)
    np.testing.assert_array_equal(geometry.affine, np.diag([1.0, 2, 3, 1]))


def test_what_is_written_slab_by_slab_is_nnunets_file_in_half_precision(tmp_path):
    whole = probabilities()
    with probabilities_writer(tmp_path / "a.npz", whole.shape) as write:
        for part in np.split(whole, [2, 3], axis=1):
            write(part)
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays.files == ["probabilities"]
        np.testing.assert_array_equal(arrays["probabilities"], whole.astype(np.float16))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_half_precision_is_the_nearest(tmp_path, dtype):
    near_half = np.nextafter(np.float64(1 + 2**-11), 2)  # single precision would round it to a tie
    exponents = 2.0 ** np.random.default_rng(0).uniform(-30, 0, (2, 1, 4, 40))
    exponents[0, 0, 0, :2] = near_half, 0.0
    whole = exponents.astype(dtype)
    whole.flags.writeable = False
    with probabilities_writer(tmp_path / "a.npz", whole.shape) as write:
        write(whole)
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], whole.astype(np.float16))


def test_a_writer_that_is_left_by_an_error_leaves_nothing(tmp_path):
    def fail() -> None:
        with probabilities_writer(tmp_path / "a.npz", (2, 2, 4, 4)) as write:
            write(np.zeros((2, 1, 4, 4)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_memory_is_that_of_a_slab(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", probabilities=np.zeros((4, 64, 256, 256), np.float32))  # 67 MB
    code = """
import sys
from pathlib import Path
from ckpt_uq.io.probabilities import open_probabilities
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e3
before = peak()
with open_probabilities(sys.argv[1]) as opened:
    n = sum(slab.shape[1] for slab in opened.slabs(2))
print(n, peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.npz"], check=True, capture_output=True, text=True
    )
    n_slices, extra_mb = done.stdout.split()
    assert int(n_slices) == 64
    assert float(extra_mb) < 20  # two slabs of 2 MB, and some pieces
