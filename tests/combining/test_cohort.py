"""Combining slab by slab equals loading everything, cohorts resume, and one bad case stays alone."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import entr

from ckpt_uq.combining import slabs
from ckpt_uq.combining.cohort import combine_cohort
from ckpt_uq.errors import ArgumentError, CkptUQError, DataError
from ckpt_uq.io.nifti import read_volume
from reference.combined import combined, combined_regions, contour_score
from reference.member_folders import AFFINE, folders, save_case, save_members, softmax_noise

MAPS = ("segmentation", "entropy", "mutual_information")


def maps_in(folder: Path) -> dict[str, np.ndarray]:
    return {name: read_volume(folder / f"{name}.nii.gz").data for name in MAPS}


def table(path: Path) -> dict[str, dict[str, str]]:
    with open(path, newline="") as file:
        return {row.pop("case"): row for row in csv.DictReader(file)}


def require_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(found["segmentation"], expected["segmentation"])
    for name in ("entropy", "mutual_information"):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-6)


@pytest.fixture(params=[1 << 22, 400, 1], ids=["one slab", "some slabs", "slice by slice"])
def slab_values(request, monkeypatch) -> int:
    monkeypatch.setattr(slabs, "SLAB_VALUES", request.param)
    return request.param


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_maps_are_those_of_everything_in_memory(tmp_path, slab_values, dtype):
    saved = save_members(tmp_path, dtype=dtype)
    combine_cohort(folders(tmp_path), tmp_path / "out", save_probs=True)
    expected = combined(np.asarray(saved["a"], np.float32))
    require_equal(maps_in(tmp_path / "out/cases/a"), expected)
    with np.load(tmp_path / "out/cases/a/mean_probs.npz") as arrays:
        np.testing.assert_allclose(arrays["probabilities"], expected["mean"], rtol=0, atol=3e-4)
        assert arrays["probabilities"].dtype == np.float16


@pytest.mark.parametrize(("order", "first", "kind"), [(None, 1, "class"), ((2, 1, 3), 0, "region")])
def test_entropies_of_classes_are_those_of_the_mean(tmp_path, order, first, kind):
    saved = save_members(tmp_path)
    out = tmp_path / "out"
    combine_cohort(folders(tmp_path), out, region_order=order, class_entropy=True)
    mean = np.mean(saved["a"], axis=0)
    expected = (entr(mean) + entr(1 - mean)) / np.log(2)
    names = [f"entropy_{kind}_{index}.nii.gz" for index in range(first, 3)]
    assert sorted(path.name for path in (out / "cases/a").glob("entropy_*")) == names
    for index, name in enumerate(names, first):
        np.testing.assert_allclose(read_volume(out / f"cases/a/{name}").data, expected[index], atol=1e-6)


def test_a_case_without_the_entropies_asked_for_is_not_finished(tmp_path):
    save_members(tmp_path)
    assert combine_cohort(folders(tmp_path), tmp_path / "out").made == ("a",)
    assert combine_cohort(folders(tmp_path), tmp_path / "out", class_entropy=True).made == ("a",)
    assert combine_cohort(folders(tmp_path), tmp_path / "out", class_entropy=True).kept == ("a",)


@pytest.mark.parametrize(
    ("axis", "chosen"), [(0, None), (0, 0), (1, 1), (2, 2)], ids=["axial", "0", "1", "2"]
)
def test_scores_are_those_of_everything_in_memory(tmp_path, slab_values, axis, chosen):
    expected = combined(save_members(tmp_path)["a"])
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out", slice_axis=chosen)
    row = table(outcome.scores)["a"]
    assert float(row["mean_entropy_bits"]) == pytest.approx(expected["entropy"].mean(), abs=1e-6)
    assert float(row["mean_mutual_information_bits"]) == pytest.approx(
        expected["mutual_information"].mean(), abs=1e-6
    )
    for index in (1, 2):
        score = contour_score(expected["entropy"], expected["mean"][index] > 0.5, axis)
        assert float(row[f"contour_score_class_{index}"]) == pytest.approx(score, rel=1e-6)
    background = expected["mean"][0]
    foreground = combined([[background, 1 - background]])
    score = contour_score(foreground["entropy"], background < 0.5, axis)
    assert float(row["contour_score_foreground"]) == pytest.approx(score, rel=1e-6)
    settings = json.loads(row["contour_settings"])
    assert (settings["slice_axis"], settings["entropy"], settings["mask"]) == (axis, "all", "threshold")


@given(shape=st.tuples(*[st.integers(1, 6)] * 3), values=st.integers(1, 200), axis=st.integers(0, 2))
def test_contours_of_slabs_are_those_of_the_whole(shape, values, axis):
    from ckpt_uq.combining.contours import SlabContours
    from ckpt_uq.prediction import Prediction
    from ckpt_uq.scores.contour_entropy import contour_terms

    probs = np.random.default_rng(values).dirichlet([0.3, 0.3, 0.3], shape).transpose(3, 0, 1, 2)
    expected = contour_terms(Prediction.from_probs(probs), 1, slice_axis=axis)
    contours = SlabContours([1], axis)
    depth = max(1, values // (3 * shape[1] * shape[2]))
    for start in range(0, shape[0], depth):
        contours.update(Prediction.from_probs(probs[:, start : start + depth]))
    terms = contours.terms(1)
    np.testing.assert_array_equal(terms.contour_voxels, expected.contour_voxels)
    np.testing.assert_allclose(terms.entropy_bits, expected.entropy_bits, rtol=1e-12, atol=1e-10)
    assert terms.settings == expected.settings


def test_weights_count(tmp_path):
    saved = save_members(tmp_path)
    combine_cohort(folders(tmp_path), tmp_path / "out", weights=[1, 2, 5])
    require_equal(maps_in(tmp_path / "out/cases/a"), combined(saved["a"], weights=[1, 2, 5]))


def test_regions_may_overlap(tmp_path, slab_values):
    rng = np.random.default_rng(0)
    saved = [rng.beta(0.3, 0.3, (2, 4, 6, 7)).astype(np.float32) for _ in range(3)]
    saved[0][:, 0] = 0
    saved[1][:, 0] = 1
    for index, probs in enumerate(saved):
        save_case(tmp_path / f"member_{index}", "a", probs)
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out", region_order=[2, 1])
    expected = combined_regions(saved, [2, 1])
    require_equal(maps_in(tmp_path / "out/cases/a"), expected)
    row = table(outcome.scores)["a"]
    for index in (0, 1):
        score = contour_score(expected["entropy"], expected["mean"][index] > 0.5, 0)
        assert float(row[f"contour_score_region_{index}"]) == pytest.approx(score, rel=1e-6)
    assert "contour_score_foreground" not in row


def test_kinds_of_files_may_be_mixed(tmp_path):
    saved = [softmax_noise((3, 4, 6, 7), seed).astype(np.float32) for seed in range(3)]
    save_case(tmp_path / "member_0", "a", saved[0], key="softmax")
    for name in ("member_1", "member_2"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "member_1/a.npy", saved[1])
    zarr.create_array(tmp_path / "member_2/a.zarr", data=saved[2], chunks=(1, 3, 6, 7))
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out")
    assert outcome.failed == {}
    require_equal(maps_in(tmp_path / "out/cases/a"), combined(saved))


def test_maps_lie_where_the_nifti_beside_lies(tmp_path):
    oblique = AFFINE + np.array([[0, 0.01, 0.1, 0], [0.02, 0, 0, 0], [0, 0.03, 0, 0], [0, 0, 0, 0]])
    save_members(tmp_path, affine=oblique)
    combine_cohort(folders(tmp_path), tmp_path / "out")
    reference = nib.load(tmp_path / "member_0/a.nii.gz")
    for name, dtype in zip(MAPS, ("u1", "f4", "f4"), strict=True):
        image = nib.load(tmp_path / f"out/cases/a/{name}.nii.gz")
        np.testing.assert_array_equal(image.affine, reference.affine)
        assert (image.shape, image.get_data_dtype()) == (reference.shape, np.dtype(dtype))
        differing = {k for k in image.header if image.header[k].tobytes() != reference.header[k].tobytes()}
        assert differing <= {"datatype", "bitpix"}


def test_a_volume_stored_with_axial_slices_first_is_scored_in_axial_slices(tmp_path):
    first = AFFINE[:, [2, 1, 0, 3]]
    expected = combined(save_members(tmp_path, affine=first)["a"])
    row = table(combine_cohort(folders(tmp_path), tmp_path / "out").scores)["a"]
    score = contour_score(expected["entropy"], expected["mean"][1] > 0.5, 2)
    assert float(row["contour_score_class_1"]) == pytest.approx(score, rel=1e-6)
    assert json.loads(row["contour_settings"])["slice_axis"] == 2


def test_golden_case(tmp_path):
    """A pixel of class 1, certain; around it a cross on which two certain members contradict each other."""
    sure = np.array([[[0, 0, 0], [0, 1, 0], [0, 0, 0]]], np.float32)
    cross = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], np.float32)
    for index, foreground in enumerate((sure, cross)):
        save_case(tmp_path / f"member_{index}", "tiny", np.stack([1 - foreground, foreground]))
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/cases/tiny").iterdir()) == [
        "case.json",
        "entropy.nii.gz",
        "mutual_information.nii.gz",
        "segmentation.nii.gz",
    ]
    maps = maps_in(tmp_path / "out/cases/tiny")
    assert maps["segmentation"].tolist() == sure.tolist()
    assert maps["entropy"].tolist() == (cross - sure).tolist()
    assert maps["mutual_information"].tolist() == (cross - sure).tolist()
    assert outcome.scores.read_text() == (
        "case,contour_score_foreground,contour_score_class_1,mean_entropy_bits,"
        "mean_mutual_information_bits,contour_settings\n"
        'tiny,1.0,1.0,0.4444444444444444,0.4444444444444444,"{""entropy"": ""all"", ""mask"": ""threshold"", '
        '""ndim"": 2, ""slice_axis"": 0, ""element"": [[0, 1, 0], [1, 1, 1], [0, 1, 0]]}"\n'
    )


def test_a_class_without_contour_has_an_empty_cell(tmp_path):
    background = np.stack([np.ones((2, 3, 3)), np.zeros((2, 3, 3))]).astype(np.float32)
    save_case(tmp_path / "member_0", "a", background)
    row = table(combine_cohort(folders(tmp_path), tmp_path / "out").scores)["a"]
    assert (row["contour_score_class_1"], row["mean_entropy_bits"]) == ("", "0.0")


def spoil(root: Path, how: str) -> str:
    """Spoil case b of member 1; return what must be said of it."""
    member, npz = root / "member_1", root / "member_1/b.npz"
    probs = softmax_noise((3, 5, 12, 14), 101).astype(np.float32)
    if how == "missing":
        npz.unlink()
        return r"every member must have b, it is missing in .*member_1"
    if how == "truncated":
        npz.write_bytes(npz.read_bytes()[:-200])
        return r"member_1/b\.npz must hold saved probabilities"
    if how == "empty":
        npz.write_bytes(b"")
        return r"member_1/b\.npz must hold saved probabilities"
    if how == "shape":
        save_case(member, "b", probs[:, :4])
        return (
            r"member_1/b\.npz must have the shape .*member_0/b\.npz, \(3, 5, 12, 14\), got \(3, 4, 12, 14\)"
        )
    if how == "classes":
        save_case(member, "b", probs[:2] / probs[:2].sum(0))
        return r"\(3, 5, 12, 14\), got \(2, 5, 12, 14\).*predicted with the same labels"
    if how == "place":
        save_case(member, "b", probs, affine=AFFINE + np.eye(4, k=3))
        return r"same place, got affine \[\[-0\.8.*100\.0.* against \[\[-0\.8.*101\.0"
    if how == "grid beside":
        save_case(member, "b", probs[:, :, :, :-1])
        np.savez_compressed(npz, probabilities=probs)
        return r"must have the grid \(z, y, x\) of the NIfTI beside it, \(5, 12, 13\), got \(5, 12, 14\)"
    if how == "no place":
        (root / "member_0/b.nii.gz").unlink()
        return r"b\.npz must have b\.nii\.gz beside it"
    if how == "damaged nifti":
        (member / "b.nii.gz").write_bytes(b"\0" * 99)
        return r"b\.nii\.gz must be a readable NIfTI file"
    if how == "logits":
        save_case(member, "b", np.log(probs))
        return r"member .*member_1/b\.npz returned"
    if how == "nan at the end":
        probs[0, -1, -1, -1] = np.nan
        save_case(member, "b", probs)
        return r"member .*member_1/b\.npz returned values that are no prediction"
    save_case(member, "b", probs.argmax(0)[None].repeat(3, 0).astype(np.uint8))
    return r"must be float16, float32 or float64, got uint8; save probabilities, not labels"


@pytest.mark.parametrize(
    "how",
    [
        "missing",
        "truncated",
        "empty",
        "shape",
        "classes",
        "place",
        "grid beside",
        "no place",
        "damaged nifti",
        "logits",
        "nan at the end",
        "labels",
    ],
)
def test_a_bad_case_is_named_and_stays_alone(tmp_path, monkeypatch, how):
    monkeypatch.setattr(slabs, "SLAB_VALUES", 1)
    saved = save_members(tmp_path, ["a", "b", "c"])
    message = spoil(tmp_path, how)
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out")
    assert (outcome.made, list(outcome.failed)) == (("a", "c"), ["b"])
    with pytest.raises(CkptUQError, match=message):
        raise outcome.failed["b"]
    assert list(table(outcome.scores)) == ["a", "c"]
    require_equal(maps_in(tmp_path / "out/cases/c"), combined(saved["c"]))
    assert [path for path in (tmp_path / "out").rglob("*b*/*") if path.is_file()] == []


def test_a_mended_case_is_made_and_the_others_are_kept(tmp_path):
    save_members(tmp_path, ["a", "b"])
    spoil(tmp_path, "empty")
    combine_cohort(folders(tmp_path), tmp_path / "out")
    kept = (tmp_path / "out/cases/a/entropy.nii.gz").stat()
    saved = save_members(tmp_path, ["a", "b"])
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out")
    assert (outcome.made, outcome.kept, outcome.failed) == (("b",), ("a",), {})
    assert (tmp_path / "out/cases/a/entropy.nii.gz").stat() == kept
    assert list(table(outcome.scores)) == ["a", "b"]
    require_equal(maps_in(tmp_path / "out/cases/b"), combined(saved["b"]))


def test_overwrite_makes_all_again(tmp_path):
    save_members(tmp_path, ["a", "b"])
    combine_cohort(folders(tmp_path), tmp_path / "out", save_probs=True)
    saved = save_members(tmp_path, ["b", "a"])
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out", overwrite=True)
    assert (outcome.made, outcome.kept) == (("a", "b"), ())
    require_equal(maps_in(tmp_path / "out/cases/a"), combined(saved["a"]))
    assert not (tmp_path / "out/cases/a/mean_probs.npz").exists()


def test_a_case_that_cannot_be_made_again_keeps_its_files_when_the_input_is_bad(tmp_path):
    saved = save_members(tmp_path, ["a", "b"])
    combine_cohort(folders(tmp_path), tmp_path / "out")
    spoil(tmp_path, "empty")
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out", overwrite=True)
    assert list(outcome.failed) == ["b"]
    require_equal(maps_in(tmp_path / "out/cases/b"), combined(saved["b"]))
    assert list(table(outcome.scores)) == ["a"]


def test_probabilities_are_added_when_asked_for_later(tmp_path):
    save_members(tmp_path)
    combine_cohort(folders(tmp_path), tmp_path / "out")
    assert combine_cohort(folders(tmp_path), tmp_path / "out", save_probs=True).made == ("a",)
    assert combine_cohort(folders(tmp_path), tmp_path / "out", save_probs=True).kept == ("a",)
    assert combine_cohort(folders(tmp_path), tmp_path / "out").kept == ("a",)


@pytest.mark.parametrize(
    "change", [{"weights": [1, 2, 1]}, {"slice_axis": 2}, {"members": ["member_1", "member_0", "member_2"]}]
)
def test_other_settings_do_not_mix_into_a_finished_cohort(tmp_path, change):
    save_members(tmp_path)
    combine_cohort(folders(tmp_path), tmp_path / "out")
    members = [tmp_path / name for name in change.pop("members", [])] or folders(tmp_path)
    with pytest.raises(
        ArgumentError, match=r"out has a already, made with .* choose another folder, or overw"
    ):
        combine_cohort(members, tmp_path / "out", **change)


@pytest.mark.parametrize("left", ["", "[]", '{"format": 0}', "{"])
def test_a_case_without_a_whole_last_file_is_made_again(tmp_path, left):
    save_members(tmp_path)
    combine_cohort(folders(tmp_path), tmp_path / "out")
    (tmp_path / "out/cases/a/case.json").write_text(left)
    (tmp_path / "out/cases/a/.tmp-123-entropy.nii.gz").touch()
    assert combine_cohort(folders(tmp_path), tmp_path / "out").made == ("a",)
    assert list((tmp_path / "out/cases/a").glob(".tmp*")) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1, 2]}, "weights must be 3 positive numbers, one a member, got"),
        ({"weights": [1, 2, 0]}, "weights must be 3 positive numbers"),
        ({"weights": [1, 2, float("nan")]}, "weights must be 3 positive numbers"),
        ({"slice_axis": 3}, r"slice_axis must be an integer in \[-3, 3\), .*got 3"),
        ({"slice_axis": 1.0}, "slice_axis must be an integer.*got 1.0"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, message):
    save_members(tmp_path)
    with pytest.raises(ArgumentError, match=message):
        combine_cohort(folders(tmp_path), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_same_folder_twice_is_no_ensemble(tmp_path):
    save_members(tmp_path)
    with pytest.raises(ArgumentError, match="members must be different folders"):
        combine_cohort([tmp_path / "member_0", tmp_path / "x" / ".." / "member_0"], tmp_path / "out")


def test_folders_without_cases_are_named(tmp_path):
    (tmp_path / "member_0").mkdir()
    with pytest.raises(DataError, match=r"must hold CASE\.npz.* found none in .*member_0"):
        combine_cohort(folders(tmp_path), tmp_path / "out")


def test_out_must_be_a_folder(tmp_path):
    save_members(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"out must be a folder that can be written to, got .*file/out"):
        combine_cohort(folders(tmp_path), tmp_path / "file" / "out")


def test_a_read_only_disk_is_told_before_any_work(tmp_path, monkeypatch):
    save_members(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(DataError, match=r"can be written to, .* is read-only; choose another"):
        combine_cohort(folders(tmp_path), tmp_path / "out")


def test_a_full_disk_fails_the_case_and_leaves_nothing_half(tmp_path, monkeypatch):
    save_members(tmp_path, ["a", "b"])
    original, calls = os.fsync, []

    def full_at_second(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, os.strerror(28))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_second)
    outcome = combine_cohort(folders(tmp_path), tmp_path / "out")
    assert list(outcome.failed) == ["a"]
    assert "No space left" in str(outcome.failed["a"])
    assert not (tmp_path / "out/cases/a").exists()
    assert outcome.made == ("b",)


def test_progress_counts_up_to_the_number_of_cases(tmp_path, monkeypatch):
    monkeypatch.setattr(slabs, "SLAB_VALUES", 1)
    save_members(tmp_path, ["a", "b"])
    seen = []
    combine_cohort(folders(tmp_path), tmp_path / "out", progress=lambda *told: seen.append(told))
    assert [done for _, done, _ in seen] == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1.2, 1.4, 1.6, 1.8, 2, 2]
    )
    assert {(name, total) for name, _, total in seen} == {("a", 2), ("b", 2)}
