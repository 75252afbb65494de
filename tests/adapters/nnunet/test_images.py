from __future__ import annotations

import pytest

from ckpt_uq.adapters.nnunet.images import find_cases, part, require_channels
from ckpt_uq.errors import ArgumentError, DataError


def folder_of(tmp_path, *names):
    for name in names:
        (tmp_path / name).touch()
    return tmp_path


def test_channels_of_a_case_come_together_in_order(tmp_path):
    folder = folder_of(
        tmp_path, "b_0000.nii.gz", "a_0001.nii.gz", "a_0000.nii.gz", "a_b_0000.nii.gz", ".c_0000.nii.gz"
    )
    cases = find_cases(folder, ".nii.gz")
    assert {name: [path.name for path in files] for name, files in cases.items()} == {
        "a": ["a_0000.nii.gz", "a_0001.nii.gz"],
        "a_b": ["a_b_0000.nii.gz"],
        "b": ["b_0000.nii.gz"],
    }


def test_files_that_are_no_channels_are_passed_over(tmp_path):
    folder = folder_of(tmp_path, "a_0000.nii.gz", "a_0000.nii", "a.nii.gz", "a_00.nii.gz", "notes.txt")
    assert list(find_cases(folder, ".nii.gz")) == ["a"]
    assert list(find_cases(folder, ".nii")) == ["a"]


def test_a_folder_without_channels_says_how_they_are_named(tmp_path):
    with pytest.raises(DataError, match=r"named CASE_0000\.nii\.gz"):
        find_cases(folder_of(tmp_path, "a.nii.gz"), ".nii.gz")


@pytest.mark.parametrize(("ending", "words"), [(".nrrd", "convert the images"), (".nii.gz", "found none at")])
def test_other_formats_and_missing_folders_are_refused(tmp_path, ending, words):
    with pytest.raises(ArgumentError, match=words):
        find_cases(tmp_path / "nowhere", ending)


@pytest.mark.parametrize(("channels", "n_channels"), [([0], 2), ([1], 1), ([0, 1], 1)])
def test_a_case_needs_the_channels_of_the_training(tmp_path, channels, n_channels):
    files = [tmp_path / f"a_000{channel}.nii.gz" for channel in channels]
    with pytest.raises(DataError, match="must have the channels"):
        require_channels(files, n_channels)


def test_parts_are_disjoint_and_whole():
    cases = {name: [] for name in "abcdefg"}
    parts = [list(part(cases, 3, number)) for number in range(3)]
    assert parts == [["a", "d", "g"], ["b", "e"], ["c", "f"]]


@pytest.mark.parametrize(("n_parts", "part_id"), [(2, 2), (2, -1), (0, 0)])
def test_a_part_that_is_none_is_refused(n_parts, part_id):
    with pytest.raises(ArgumentError, match="part_id must be 0 to num_parts - 1"):
        part({"a": []}, n_parts, part_id)
