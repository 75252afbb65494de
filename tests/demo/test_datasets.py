from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from ckpt_uq.demo.cases import split_cases
from ckpt_uq.demo.datasets import DATASETS, find_dataset, paper_cycles
from ckpt_uq.demo.hippocampus import hippocampus_cases
from ckpt_uq.demo.kits_slices import kits_slices_cases
from ckpt_uq.errors import ArgumentError, DataError

AFFINE = np.array([[0.0, 2, 0, 5], [3.0, 0, 0, -7], [0, 0, 1.5, 9], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("n_epochs", "lengths"),
    [(800, (100, 100, 200, 400)), (32, (4, 4, 8, 16)), (4, (1, 1, 2)), (1, (1,))],
)
def test_cycles_end_where_the_paper_s_do(n_epochs, lengths):
    assert paper_cycles(n_epochs).lengths == lengths


def test_no_epochs_are_refused():
    with pytest.raises(ArgumentError, match="epochs must be >= 1, got 0"):
        paper_cycles(0)


@pytest.mark.parametrize("name", ["hippocampus", "kits-slices"])
def test_missing_data_name_the_variable(name, monkeypatch, tmp_path):
    monkeypatch.delenv("CKPT_UQ_DATA", raising=False)
    with pytest.raises(DataError, match=r"CKPT_UQ_DATA to name the folder .* --data phantom needs no files"):
        find_dataset(name).load(0)
    monkeypatch.setenv("CKPT_UQ_DATA", str(tmp_path))
    with pytest.raises(DataError, match=f"CKPT_UQ_DATA must name a folder .*, got {tmp_path}"):
        find_dataset(name).load(0)


@pytest.fixture
def hippocampus(tmp_path):
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for name in ("b", "a"):
        image = rng.integers(0, 200, (4, 5, 6)).astype(np.uint8)
        labels = rng.integers(0, 3, (4, 5, 6)).astype(np.uint8)
        for kind, data in (("images", image), ("labels", labels)):
            nib.Nifti1Image(data, AFFINE).to_filename(tmp_path / kind / f"{name}.nii.gz")
    return tmp_path


def test_hippocampus_volumes_are_read_in_order(hippocampus):
    cases = hippocampus_cases(hippocampus)
    assert [case.name for case in cases] == ["a", "b"]
    stored = nib.load(hippocampus / "labels" / "a.nii.gz")
    np.testing.assert_array_equal(cases[0].labels, np.asarray(stored.dataobj).T)
    np.testing.assert_array_equal(cases[0].affine, AFFINE)
    assert cases[0].image.dtype == np.float32


def test_hippocampus_labels_of_another_shape_are_named(hippocampus):
    nib.Nifti1Image(np.zeros((4, 5, 7), np.uint8), AFFINE).to_filename(hippocampus / "labels" / "a.nii.gz")
    with pytest.raises(DataError, match=r"a\.nii\.gz must have its image's shape"):
        hippocampus_cases(hippocampus)


def test_hippocampus_without_volumes(tmp_path):
    with pytest.raises(DataError, match="found none"):
        hippocampus_cases(tmp_path)


@pytest.fixture
def kits(tmp_path):
    """Patient 7 with two slices, the later one listed first; patient 3 with one that nobody annotated."""
    entries = []
    for name, patient, at, raters in (("p7_b", 7, 90, 3), ("p7_a", 7, 40, 3), ("p3", 3, 10, 0)):
        for kind, value in (("images", at), ("labels", at % 4)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(np.full((8, 10), value, np.uint8)).save(tmp_path / kind / f"{name}.png")
        if raters:
            (tmp_path / "raters").mkdir(exist_ok=True)
            np.savez(tmp_path / "raters" / f"{name}.npz", labels=np.full((raters, 8, 10), at % 4, np.uint8))
        spacing = [2.5, 0.7, 0.8]
        entries.append(
            {"name": name, "case": patient, "slice": at, "spacing_zyx_mm": spacing, "raters": raters}
        )
    (tmp_path / "meta.json").write_text(json.dumps(entries))
    return tmp_path


def test_kits_slices_of_a_patient_are_one_case(kits):
    one, two = kits_slices_cases(kits)
    assert (one.name, two.name) == ("case_00003", "case_00007")
    assert two.image[:, 0, 0].tolist() == [40, 90]
    assert two.labels[:, 0, 0].tolist() == [0, 2]
    assert two.raters is not None
    assert two.raters.shape == (3, 2, 8, 10)
    assert two.raters[1, :, 0, 0].tolist() == [0, 2]
    assert one.raters is None
    np.testing.assert_allclose(np.abs(np.diag(two.affine)), [0.8, 0.7, 2.5, 1])


def test_kits_without_meta(tmp_path):
    with pytest.raises(DataError, match=r"meta\.json must describe the slices"):
        kits_slices_cases(tmp_path)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_data_set_fits_its_recipe(name, real_data, monkeypatch):
    if real_data is None:
        name = "phantom-tiny"
    else:
        monkeypatch.setenv("CKPT_UQ_DATA", str(real_data))
    dataset = find_dataset(name)
    split = split_cases(dataset.load(0), dataset.split, seed=0)
    largest = len(dataset.classes)
    for case in (*split.train[:3], *split.test):
        assert case.image.shape == case.labels.shape
        assert case.labels.max() <= largest
        images, labels = dataset.slicewise.training_pairs(case.image, case.labels)
        assert images.shape[-2:] == labels.shape[-2:] == dataset.slicewise.grid
    assert {label for case in split.selection for label in np.unique(case.labels)} >= {0, 1, 2}
