"""NIfTI: what is read and written back is the same file to the bit, and what cannot be read is named."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import Volume, read_geometry, read_volume, slab_writer, write_volume

OBLIQUE = np.array([[-0.7, 0.1, 0.2, 30.5], [0.1, 0.8, -0.3, -12.25], [0.05, 0.2, 2.5, 100.0], [0, 0, 0, 1]])


def rich_image(dtype="<i2", image_class=nib.Nifti1Image, affine=OBLIQUE):
    """An image with something in every corner of its header."""
    header = image_class.header_class(endianness=">" if dtype.startswith(">") else "<")
    data = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(dtype)
    image = image_class(data, affine, header, dtype=dtype)
    image.header.set_sform(affine, code="scanner")
    image.header.set_qform(affine, code="talairach")
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"acquired elsewhere"
    image.header["cal_max"] = 12
    image.header["intent_name"] = b"named"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept as well"))
    return image


def unpacked(path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "<i2", "<u2", "<i4", "<f4", "<f8", "<i8", ">i2", ">f4"])
def test_reading_and_writing_gives_the_same_file(tmp_path, dtype, image_class, suffix):
    old, new = tmp_path / f"old{suffix}", tmp_path / f"new{suffix}"
    rich_image(dtype, image_class).to_filename(old)
    volume = read_volume(old)
    assert volume.data.dtype == np.dtype(dtype)
    write_volume(new, volume)
    assert unpacked(new) == unpacked(old)


def test_axes_are_reversed_and_the_affine_is_the_files(tmp_path):
    image = rich_image()
    image.to_filename(tmp_path / "a.nii.gz")
    volume = read_volume(tmp_path / "a.nii.gz")
    assert volume.data.shape == (4, 3, 2)
    np.testing.assert_array_equal(volume.data, np.asarray(image.dataobj).T)
    np.testing.assert_array_equal(volume.affine, image.header.get_sform())


@pytest.mark.parametrize(
    ("given", "stored"), [("f2", "f4"), ("?", "u1"), ("u1", "u1"), ("f4", "f4"), ("f8", "f8")]
)
def test_another_type_on_the_same_grid_keeps_the_rest_of_the_header(tmp_path, given, stored):
    rich_image().to_filename(tmp_path / "ct.nii.gz")
    ct = read_volume(tmp_path / "ct.nii.gz")
    data = (ct.data > 5).astype(given)
    write_volume(tmp_path / "map.nii.gz", Volume(data, ct.affine, ct.header))
    back = read_volume(tmp_path / "map.nii.gz")
    assert back.data.dtype == np.dtype(stored)
    np.testing.assert_array_equal(back.data, data)
    np.testing.assert_array_equal(back.affine, ct.affine)
    changed = {name for name in list(ct.header) if back.header[name].tobytes() != ct.header[name].tobytes()}
    assert changed == {"datatype", "bitpix"}
    assert back.header.extensions[0].get_content() == b"kept as well"


def test_scaled_values_come_scaled_and_are_written_as_themselves(tmp_path):
    image = nib.Nifti1Image(np.full((2, 2, 2), 7, np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, -1024)
    image.to_filename(tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[352:368] = np.full(8, 7, "<i2").tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    assert nib.load(tmp_path / "a.nii").dataobj.slope == 0.5
    volume = read_volume(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.data, np.full((2, 2, 2), 3.5 - 1024))
    write_volume(tmp_path / "b.nii", volume)
    np.testing.assert_array_equal(read_volume(tmp_path / "b.nii").data, volume.data)
    np.testing.assert_array_equal(nib.load(tmp_path / "b.nii").get_fdata(), volume.data)


def test_a_new_place_is_written_although_there_is_a_header(tmp_path):
    rich_image().to_filename(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    moved = volume.affine + np.eye(4, k=3)
    write_volume(tmp_path / "b.nii", Volume(volume.data, moved, volume.header))
    np.testing.assert_allclose(read_volume(tmp_path / "b.nii").affine, moved, atol=1e-5)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii").header.get_sform(), volume.affine)


def test_without_a_header_units_are_mm_and_the_place_is_the_affine(tmp_path):
    write_volume(tmp_path / "a.nii.gz", Volume(np.ones((2, 3, 4), np.float32), OBLIQUE))
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-5)
    assert image.shape == (4, 3, 2)


def test_the_same_volume_makes_the_same_file(tmp_path):
    volume = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(tmp_path / name, volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_slabs_make_the_file_that_the_whole_makes(tmp_path, suffix):
    data = np.random.default_rng(0).normal(size=(7, 5, 6)).astype(np.float32)
    write_volume(tmp_path / f"whole{suffix}", Volume(data, OBLIQUE))
    with slab_writer(tmp_path / f"slabs{suffix}", Geometry(data.shape, OBLIQUE), np.float32) as write:
        for part in np.split(data, [1, 4]):
            write(part)
    assert (tmp_path / f"slabs{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("shapes", [[(2, 3, 4)], [(3, 3, 4), (1, 3, 4)], [(3, 4, 3)], []])
def test_slabs_of_another_shape_make_no_file(tmp_path, shapes):
    def write_all() -> None:
        with slab_writer(tmp_path / "a.nii.gz", Geometry((3, 3, 4), np.eye(4)), np.uint8) as write:
            for shape in shapes:
                write(np.zeros(shape, np.uint8))

    with pytest.raises(ArgumentError, match=r"slabs must make up the shape \(3, 3, 4\)"):
        write_all()
    assert list(tmp_path.iterdir()) == []


def test_geometry_is_read_without_the_voxels(tmp_path):
    rich_image().to_filename(tmp_path / "a.nii")
    whole = read_volume(tmp_path / "a.nii").geometry
    (tmp_path / "a.nii").write_bytes((tmp_path / "a.nii").read_bytes()[:-10])
    geometry = read_geometry(tmp_path / "a.nii")
    assert (geometry.shape, geometry.difference(whole)) == ((4, 3, 2), None)


def damaged_files(path) -> dict[str, bytes]:
    """A whole file of noise, packed, and what may become of it."""
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 16)).astype(np.uint8)
    nib.Nifti1Image(noise, np.eye(4)).to_filename(path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    plain = bytearray(gzip.decompress(whole))
    plain[400] ^= 0xFF
    wrong_sum = gzip.compress(bytes(plain))[:-8] + whole[-8:]
    not_nifti = gzip.compress(b"x" * 4000)
    no_place = bytearray(gzip.decompress(whole))
    no_place[280:328] = bytes(48)
    no_place[252:256] = b"\0\0\1\0"
    return {
        "truncated": whole[: len(whole) // 2],
        "in the header": whole[:40],
        "bit flipped": bytes(flipped),
        "checksum": wrong_sum,
        "empty": b"",
        "empty inside": gzip.compress(b""),
        "no gzip": b"x" * 4000,
        "no NIfTI": not_nifti,
        "no place": gzip.compress(bytes(no_place)),
    }


@pytest.mark.parametrize(
    "damage",
    [
        "truncated",
        "in the header",
        "bit flipped",
        "checksum",
        "empty",
        "empty inside",
        "no gzip",
        "no NIfTI",
        "no place",
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "case_7.nii.gz"
    path.write_bytes(damaged_files(path)[damage])
    with pytest.raises(DataError, match=r"case_7\.nii\.gz must be a readable NIfTI file: .+"):
        read_volume(path)


@pytest.mark.parametrize("read", [read_volume, read_geometry])
def test_four_axes_are_refused_by_name(tmp_path, read):
    nib.Nifti1Image(np.zeros((4, 5, 6, 2), np.int16), np.eye(4)).to_filename(tmp_path / "series.nii.gz")
    with pytest.raises(DataError, match=r"series\.nii\.gz must hold .* 3 axes, got shape \(4, 5, 6, 2\)"):
        read(tmp_path / "series.nii.gz")


def test_colours_are_refused(tmp_path):
    rgb = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.Nifti1Image(rgb, np.eye(4)).to_filename(tmp_path / "a.nii")
    with pytest.raises(DataError, match="must hold integer or real numbers"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize("read", [read_volume, read_geometry])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(DataError, match=r"found none at .*none\.nii"):
        read(tmp_path / "none.nii")


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3, 4), (0, 3, 4)])
def test_only_volumes_are_written(tmp_path, shape):
    with pytest.raises(ArgumentError, match="data must have"):
        write_volume(tmp_path / "a.nii", Volume(np.zeros(shape, np.uint8), np.eye(4)))


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"path must end in \.nii\.gz or \.nii, got .*a\.mha"):
        read_volume(tmp_path / "a.mha")
