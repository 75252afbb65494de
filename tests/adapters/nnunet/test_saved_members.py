"""Members that were saved join those that predict, on whatever axes these do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.special import entr, softmax

from ckpt_uq.adapters.nnunet.image_moments import ImageMoments
from ckpt_uq.adapters.nnunet.placement import PlacedLogits, Placement
from ckpt_uq.adapters.nnunet.saved_members import opened_members, require_folders
from ckpt_uq.combining import slabs
from ckpt_uq.errors import ArgumentError, DataError, MemberError
from ckpt_uq.io.geometry import Geometry
from reference.member_folders import AFFINE, save_case, softmax_noise
from reference.nnunet import resample

GRID = (5, 4, 6)
GEOMETRY = Geometry(GRID, AFFINE)


def bits(probs):
    return entr(probs).sum(0) / np.log(2)


def live(axes, seed, *, regions=False):
    """A member that predicts, and its probabilities on the image's own axes."""
    shape = tuple(GRID[axis] for axis in axes)
    placement = Placement(axes, shape, tuple((0, n) for n in shape), (1.0,) * 3, (1.0,) * 3)
    logits = np.random.default_rng(seed).normal(0, 3, (3, *shape)).astype(np.float32)
    member = PlacedLogits(logits, placement, resample, axes, per_slice=True, regions=regions)
    probs = 1 / (1 + np.exp(-logits.astype(float))) if regions else softmax(logits.astype(float), axis=0)
    return member, probs.transpose(0, *(1 + axes.index(axis) for axis in range(3)))


def joined(folders, axes, *, order=None):
    """Moments of live, saved, saved and live members, and the probabilities of each."""
    averaged = ImageMoments(3, tuple(GRID[axis] for axis in axes), axes, order)
    first, *others = [live(axes, seed, regions=order is not None) for seed in range(2)]
    averaged.update([first[0]], "first")
    with opened_members(folders, "a", GEOMETRY, 3) as members:
        for member in members:
            averaged.update_saved(member)
    averaged.update([others[0][0]], "last")
    return averaged, [first[1], others[0][1]]


@pytest.fixture
def saved(tmp_path):
    """Two folders, and what they hold, which has zeros and is of half precision."""
    probs = [softmax_noise((3, *GRID), seed) for seed in range(2)]
    probs[0][:, 2] = np.array([1, 0, 0])[:, None, None]
    probs = [one.astype(np.float16) for one in probs]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, one in zip(folders, probs, strict=True):
        save_case(folder, "a", one)
    return folders, [one.astype(float) for one in probs]


@pytest.mark.parametrize("slab_values", [1, 1 << 21], ids=["slices alone", "one slab"])
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_means_are_those_of_all_members_with_equal_weights(saved, axes, slab_values, monkeypatch):
    monkeypatch.setattr(slabs, "SLAB_VALUES", slab_values)
    folders, probs = saved
    averaged, predicted = joined(folders, axes)
    every = [*predicted, *(one / one.sum(0) for one in probs)]
    parts = list(averaged.predictions())
    mean = np.mean(every, axis=0)
    np.testing.assert_allclose(np.concatenate([p.mean_prob for p in parts], 1), mean, atol=1e-6)
    found = np.concatenate([p.mutual_information for p in parts])
    np.testing.assert_allclose(found, bits(mean) - np.mean([bits(p) for p in every], axis=0), atol=1e-5)
    assert averaged.names == ("first", *(str(folder / "a.npz") for folder in folders), "last")


def test_regions_are_averaged_too(saved):
    folders, probs = saved
    averaged, predicted = joined(folders, (0, 1, 2), order=(3, 1, 2))
    (prediction,) = averaged.predictions()
    np.testing.assert_allclose(prediction.mean_prob, np.mean([*predicted, *probs], axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda probs: probs * 0.9, "must hold probabilities that add up to 1 over the classes, got a sum"),
        (lambda probs: probs * np.nan, "must hold probabilities that add up to 1"),
        (lambda probs: np.array([-0.5, 1.0, 0.5])[:, None, None, None] + 0 * probs, "are no prediction"),
    ],
)
def test_numbers_that_are_no_probabilities_are_refused_by_the_files_name(saved, change, words):
    (folder, other), (probs, _) = saved
    save_case(folder, "a", change(probs))
    with pytest.raises(MemberError, match=f"one/a.npz .*{words}"):
        joined([other, folder], (0, 1, 2))[0].verify()


@pytest.mark.parametrize(
    ("shape", "affine", "words"),
    [
        ((2, *GRID), AFFINE, r"\(C, z, y, x\) = \(3, 5, 4, 6\), got \(2, 5, 4, 6\)"),
        ((3, 5, 4, 7), AFFINE, r"got \(3, 5, 4, 7\)"),
        ((3, *GRID), 2 * AFFINE, "must lie where the image lies, got affine"),
    ],
)
def test_members_of_another_image_or_other_labels_are_refused(tmp_path, shape, affine, words):
    save_case(tmp_path / "one", "a", softmax_noise(shape, 0), affine=affine)
    with pytest.raises(DataError, match=words), opened_members([tmp_path / "one"], "a", GEOMETRY, 3):
        raise AssertionError("never reached")


def test_a_missing_case_is_named_with_its_folder(tmp_path):
    save_case(tmp_path / "one", "b", softmax_noise((3, *GRID), 0))
    words = f"must have a, it is missing in {tmp_path / 'one'}"
    with pytest.raises(DataError, match=words), opened_members([tmp_path / "one"], "a", GEOMETRY, 3):
        raise AssertionError("never reached")


def test_folders_must_be_there_and_different(tmp_path):
    with pytest.raises(ArgumentError, match="must be a folder of saved probabilities, found none"):
        require_folders([tmp_path / "none"])
    with pytest.raises(ArgumentError, match="saved must be different folders"):
        require_folders([tmp_path, tmp_path / "../" / tmp_path.name])
    assert require_folders([tmp_path]) == [tmp_path.resolve()]
