"""Label errors that are put there must be found, first, and sound labels must not be accused."""

from __future__ import annotations

import csv

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ckpt_uq.io.nifti import read_volume, write_volume
from ckpt_uq.io.volume import Volume
from kits23.cli import app
from kits23.evaluating.flags import MEANING, Flag, find_flags
from kits23.work import Work

SHAPE = (9, 40, 48)
SPACING = (5.0, 1.0, 2.0)

Array = npt.NDArray[np.uint8]


def patient() -> Array:
    """One kidney with a tumour in it, slices first."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:8, 8:30, 10:34] = 1
    labels[3:6, 14:24, 16:26] = 2
    return labels


def flags_of(
    segmentation: Array, truth: Array, entropy: npt.NDArray[np.floating], slice_axis: int = 0
) -> list[Flag]:
    return find_flags(segmentation, truth, entropy, spacing_mm=SPACING, slice_axis=slice_axis)


def certain() -> npt.NDArray[np.float64]:
    return np.zeros(SHAPE)


def test_sound_labels_are_not_accused() -> None:
    entropy = certain()
    labels = patient()
    for axis in (1, 2):  # borders are always in doubt
        border = np.diff(labels, axis=axis, append=0) != 0
        entropy[border] = 1.0
    assert flags_of(labels, labels, entropy) == []


def test_doubt_where_label_and_prediction_agree_is_flagged() -> None:
    entropy, labels = certain(), patient()
    entropy[6, 15:20, 18:23] = 0.9
    (flag,) = flags_of(labels, labels, entropy)
    assert (flag.kind, flag.class_name, flag.slice_index, flag.n_voxels) == (
        "uncertain_agreement", "kidney", 6, 25,
    )  # fmt: skip
    assert flag.doubt_bit_ml == pytest.approx(25 * 0.9 * 0.01)
    assert flag.centre == (20, 17, 6), "the file's axes are the array's reversed"


def test_doubt_where_they_differ_is_no_agreement() -> None:
    entropy, labels = certain(), patient()
    entropy[6, 15:20, 18:23] = 0.9
    guess = labels.copy()
    guess[6, 12:24, 14:28] = 3
    assert [flag.kind for flag in flags_of(guess, labels, entropy)] == []


def test_slice_that_lacks_its_neighbours_tumour_is_flagged() -> None:
    """The paper's Fig. 4: the tumour of the next slice is neither in the label nor in the prediction."""
    entropy, labels = certain(), patient()
    entropy[2, 14:24, 16:26] = 0.3
    (flag,) = flags_of(labels, labels, entropy)
    assert (flag.kind, flag.class_name, flag.slice_index, flag.n_voxels) == ("end_of_class", "tumour", 2, 100)


def test_gap_in_a_class_is_flagged_however_sure_the_model_is() -> None:
    labels = patient()
    labels[4][labels[4] == 2] = 1
    (flag,) = flags_of(patient(), labels, certain())
    assert (flag.kind, flag.class_name, flag.slice_index) == ("gap_in_class", "tumour", 4)
    assert flag.doubt_bit_ml == pytest.approx(100 * 0.01), "a bit a voxel at least"


def test_kidney_that_the_label_lacks_is_flagged() -> None:
    """The paper's Fig. 6: the model finds a part of the kidney that the label has not."""
    truth, entropy = patient(), certain()
    truth[:, 8:14, :] = 0
    entropy[:, 8:14, :] = 0.2
    first, *_ = flags_of(patient(), truth, entropy)
    n_voxels = 7 * (6 * 24 - 4)  # without the corners of every slice
    assert (first.kind, first.class_name, first.n_voxels) == ("beyond_label", "kidney", n_voxels)


def test_a_rim_is_a_matter_of_taste() -> None:
    truth = patient()
    truth[:, 8:10, :] = 0
    assert flags_of(patient(), truth, certain()) == []


@pytest.mark.parametrize("axis", [1, 2])
def test_slices_may_lie_along_any_axis(axis: int) -> None:
    labels, entropy = patient(), certain()
    entropy[2, 14:24, 16:26] = 0.3
    turned = (np.moveaxis(array, 0, axis) for array in (labels, labels, entropy))
    (flag,) = flags_of(*turned, slice_axis=axis)
    (same,) = flags_of(labels, labels, entropy)
    assert (flag.kind, flag.slice_index, flag.n_voxels) == (same.kind, same.slice_index, same.n_voxels)
    assert flag.centre[2 - axis] == 2


def test_twenty_a_case_the_most_doubtful_first() -> None:
    entropy, labels = certain(), np.zeros((30, 12, 12), np.uint8)
    entropy = np.zeros(labels.shape)
    for index in range(30):
        entropy[index, 4:7, 4:7] = 0.5 + 0.01 * index if index % 2 else 0
    labels_of_case = find_flags(labels, labels, entropy, spacing_mm=(1, 1, 1), slice_axis=0)
    doubts = [flag.doubt_bit_ml for flag in labels_of_case]
    assert doubts == sorted(doubts, reverse=True)
    assert len(doubts) == 15
    entropy[::2, 4:7, 4:7], entropy[1::2] = 0, 0
    entropy[::2, 1:4, 1:4] = entropy[::2, 1:4, 8:11] = 0.6
    assert len(find_flags(labels, labels, entropy, spacing_mm=(1, 1, 1), slice_axis=0)) == 20


@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_flags_of_any_maps_are_places_in_them(seed: int, axis: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 4, (2, 5, 3, 3))
    segmentation, truth = (np.kron(one, np.ones((1, 4, 4), int)).astype(np.uint8) for one in blocks)
    entropy = np.kron(rng.uniform(0, 2, (5, 3, 3)), np.ones((1, 4, 4)))
    turned = [np.moveaxis(one, 0, axis) for one in (segmentation, truth, entropy)]
    found = find_flags(*turned, spacing_mm=(2, 2, 2), slice_axis=axis)
    assert [f.doubt_bit_ml for f in found] == sorted((f.doubt_bit_ml for f in found), reverse=True)
    assert len(found) <= 20
    for flag in found:
        place = flag.centre[::-1]
        assert place[axis] == flag.slice_index
        assert flag.kind in MEANING
        assert flag.n_voxels >= 8
        bits = flag.mean_entropy_bits if flag.kind != "gap_in_class" else max(flag.mean_entropy_bits, 1)
        assert flag.doubt_bit_ml == pytest.approx(bits * flag.n_voxels * 0.008)
        if flag.kind == "gap_in_class":
            index = flag.slice_index
            label = ("kidney", "tumour", "cyst").index(flag.class_name) + 1
            assert not (truth[index] == label).any()
            assert (truth[index - 1] == label).any()
            assert (truth[index + 1] == label).any()


def test_table_of_flags_ranks_all_cases(predicted: Work) -> None:
    """A slice's tumour is taken out of one label: this is the first flag of all."""
    for path in sorted((predicted.raw / "labelsTs").iterdir()):
        volume = read_volume(path)
        tumour = (volume.data == 2).sum(axis=(0, 1))
        inner = [z for z in range(1, len(tumour) - 1) if tumour[z - 1 : z + 2].min() >= 8]
        if inner:
            changed = volume.data.copy()
            changed[..., inner[0]][changed[..., inner[0]] == 2] = 1
            write_volume(path, Volume(changed, volume.affine, volume.header))
            break
    assert CliRunner().invoke(app, ["evaluate", str(predicted.root)]).exit_code == 0
    with (predicted.evaluation / "rel_unet" / "flags.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    doubts = [float(row["doubt_bit_ml"]) for row in rows]
    assert doubts == sorted(doubts, reverse=True)
    gaps = [row for row in rows if row["kind"] == "gap_in_class"]
    assert [(row["case"], row["class"], int(row["slice"])) for row in gaps] == [
        (path.name.removesuffix(".nii.gz"), "tumour", inner[0])
    ]
    assert all(row["what"] for row in rows)
