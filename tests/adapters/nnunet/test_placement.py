from __future__ import annotations

import weakref
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import entr

from ckpt_uq.adapters.nnunet.image_moments import ImageMoments
from ckpt_uq.adapters.nnunet.placement import PlacedLogits, Placement
from ckpt_uq.combining import slabs
from ckpt_uq.errors import MemberError
from ckpt_uq.kernels.blocks import thread_count
from reference.nnunet import native_probs, resample

SPACING = (4.0, 1.5, 1.6)


@st.composite
def placements(draw, axes=None):
    axes = axes or draw(st.permutations(range(3)))
    box = []
    for _ in range(3):
        before, inside, after = draw(st.integers(0, 2)), draw(st.integers(1, 6)), draw(st.integers(0, 2))
        box.append((before, before + inside, before + inside + after))
    shape = tuple(total for _, _, total in box)
    return Placement(tuple(axes), shape, tuple(ends[:2] for ends in box), SPACING, SPACING)


def network_shape(placement, seed, per_slice):
    rng = np.random.default_rng(seed)
    depth, *plane = placement.box_shape
    return (depth if per_slice else int(rng.integers(1, 8)), *(int(rng.integers(1, 8)) for _ in plane))


def logits_for(placement, seed, *, n_classes=3, per_slice=True, dtype=np.float16):
    shape = network_shape(placement, seed, per_slice)
    return np.random.default_rng(seed + 1).normal(0, 4, (n_classes, *shape)).astype(dtype)


def whole(placed):
    return placed.slab(0, placed.shape[0])


@given(placements(), st.integers(0, 10**6), st.booleans(), st.booleans(), st.permutations(range(3)))
def test_slabs_are_nnunets_probabilities_on_the_images_own_grid(placement, seed, per_slice, regions, axes):
    logits = logits_for(placement, seed, per_slice=per_slice)
    placed = PlacedLogits(
        torch.from_numpy(logits), placement, resample, tuple(axes), per_slice=per_slice, regions=regions
    )
    expected = native_probs(logits, placement, regions=regions)
    found = whole(placed).sigmoid() if regions else whole(placed).softmax(0)
    np.testing.assert_allclose(found.numpy(), expected.transpose(0, *(1 + a for a in axes)), atol=1e-6)


@given(placements(axes=(2, 0, 1)), st.integers(0, 10**6), st.integers(1, 4))
def test_slice_by_slice_is_bit_for_bit_the_whole_volume(placement, seed, depth):
    logits = logits_for(placement, seed)
    first, *parts = (
        PlacedLogits(logits, placement, resample, placement.axes, per_slice=per_slice, regions=False)
        for per_slice in (False, True)
    )
    for start in range(0, first.shape[0], depth):
        stop = min(start + depth, first.shape[0])
        assert torch.equal(parts[0].slab(start, stop), whole(first)[:, start:stop])


def test_a_volume_resampled_along_its_slices_is_not_cut_into_slices():
    placement = Placement((0, 1, 2), (9, 4, 4), ((0, 9), (0, 4), (0, 4)), (2.0, 1.0, 1.0), (4.0, 1.0, 1.0))
    logits = np.random.default_rng(0).normal(size=(2, 5, 4, 4)).astype(np.float16)
    placed = PlacedLogits(logits, placement, resample, (0, 1, 2), per_slice=False, regions=False)
    np.testing.assert_array_equal(whole(placed).numpy(), resample(logits, (9, 4, 4), None, None))


def test_the_resampling_is_told_both_spacings():
    told = []

    def resampling(logits, shape, current, new):
        told.append((current, new))
        return resample(logits, shape, current, new)

    placement = Placement((0, 1, 2), (2, 3, 3), ((0, 2), (0, 3), (0, 3)), (5.0, 1.0, 1.0), (5.0, 2.0, 2.0))
    for per_slice in (True, False):
        logits = np.zeros((2, 2, 2, 2), np.float16)
        whole(PlacedLogits(logits, placement, resampling, (0, 1, 2), per_slice=per_slice, regions=False))
    assert set(told) == {((5.0, 2.0, 2.0), (5.0, 1.0, 1.0))}


@pytest.fixture(params=["one slab", "slices alone"])
def slab_size(request, monkeypatch):
    if request.param == "slices alone":
        monkeypatch.setattr(slabs, "SLAB_VALUES", 1)


def bits(probs):
    return entr(probs).sum(0) / np.log(2)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.usefixtures("slab_size")
def test_moments_of_members_of_different_models_are_those_of_the_native_grid(axes):
    shapes = {axes: (5, 7, 6), (0, 1, 2): None}
    image_shape = tuple((5, 7, 6)[axes.index(axis)] for axis in range(3))
    shapes[(0, 1, 2)] = image_shape
    members, expected = [], []
    for seed, (own_axes, shape) in enumerate([(axes, shapes[axes]), ((0, 1, 2), image_shape)] * 2):
        box = tuple((seed % 2, n - 1) for n in shape)
        placement = Placement(own_axes, shape, box, SPACING, SPACING)
        per_slice = seed < 2
        logits = logits_for(placement, seed, per_slice=per_slice)
        members.append(PlacedLogits(logits, placement, resample, axes, per_slice=per_slice, regions=False))
        expected.append(native_probs(logits, placement))
    averaged = ImageMoments(3, shapes[axes], axes)
    for index, member in enumerate(members):
        averaged.update([member], f"member {index}")
    parts = list(averaged.predictions())
    mean = np.mean(expected, axis=0)
    np.testing.assert_allclose(np.concatenate([p.mean_prob for p in parts], 1), mean, atol=1e-6)
    total = bits(mean)
    np.testing.assert_allclose(np.concatenate([p.predictive_entropy for p in parts]), total, atol=1e-5)
    information = total - np.mean([bits(probs) for probs in expected], axis=0)
    np.testing.assert_allclose(np.concatenate([p.mutual_information for p in parts]), information, atol=1e-5)
    assert averaged.names == ("member 0", "member 1", "member 2", "member 3")


def cut(logits, placement, depth):
    """One member's logits as parts of so many slices of the image, as a 2d network predicts them."""
    for start in range(0, placement.shape[0], depth):
        here = placement.slices(start, min(start + depth, placement.shape[0]))
        before = placement.slices(0, start).box_shape[0]
        part = logits[:, before : before + here.box_shape[0]]
        yield PlacedLogits(part, here, resample, placement.axes, per_slice=True, regions=False)


@given(placements(), st.integers(0, 10**6), st.booleans())
def test_parts_are_bit_for_bit_the_whole(placement, seed, slices_alone):
    averages = []
    with pytest.MonkeyPatch.context() as patch:
        if slices_alone:
            patch.setattr(slabs, "SLAB_VALUES", 1)
        for parts in (False, True):
            averaged = ImageMoments(3, placement.shape, placement.axes)
            for member in range(2):
                logits = logits_for(placement, seed + member)
                depth = averaged.part_depth if parts else placement.shape[0]
                averaged.update(cut(logits, placement, depth), f"member {member}")
            averages.append(list(averaged.predictions()))
    for whole_slab, slab in zip(*averages, strict=True):
        np.testing.assert_array_equal(slab.mean_prob, whole_slab.mean_prob)
        np.testing.assert_array_equal(slab.mutual_information, whole_slab.mutual_information)


def test_a_part_is_forgotten_before_the_next_one_is_made():
    made = []

    def parts():
        for start in range(0, averaged.part_depth * 3, averaged.part_depth):
            assert not any(part() for part in made), start
            part = placed((averaged.part_depth, 4, 4))
            made.append(weakref.ref(part))
            yield part
            del part

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slabs, "SLAB_VALUES", 1)
        averaged = ImageMoments(3, (3 * max(2, thread_count()), 4, 4), (0, 1, 2))
    averaged.update(parts(), "one")
    assert len(made) == 3


def test_regions_are_absent_where_nothing_was_seen():
    placement = Placement((0, 1, 2), (4, 3, 3), ((1, 3), (0, 3), (1, 2)), SPACING, SPACING)
    logits = np.full((2, 2, 3, 1), 3.0, np.float16)
    averaged = ImageMoments(2, (4, 3, 3), (0, 1, 2), (1, 2))
    member = PlacedLogits(logits, placement, resample, (0, 1, 2), per_slice=True, regions=True)
    averaged.update([member], "one")
    (prediction,) = averaged.predictions()
    assert prediction.segmentation[0].max() == 0
    assert (prediction.segmentation[1:3, :, 1] == 2).all()
    assert prediction.predictive_entropy[0].max() == 0


def placed(shape, n_classes=3, value=0.0):
    box = tuple((0, n) for n in shape)
    logits = np.full((n_classes, *shape), value, np.float16)
    placement = Placement((0, 1, 2), shape, box, SPACING, SPACING)
    return PlacedLogits(logits, placement, resample, (0, 1, 2), per_slice=True, regions=False)


@pytest.mark.parametrize(
    "wrong", [placed((4, 4, 5)), placed((4, 4, 4), n_classes=2), placed((5, 4, 4)), placed((3, 4, 4))]
)
def test_another_grid_or_other_classes_are_refused(wrong):
    averaged = ImageMoments(3, (4, 4, 4), (0, 1, 2))
    averaged.update([placed((4, 4, 4))], "fitting")
    with pytest.raises(MemberError, match=r"member odd must predict \(C, \*grid\) = \(3, 4, 4, 4\), got"):
        averaged.update([wrong], "odd")


def test_numbers_that_are_none_are_refused_by_name():
    averaged = ImageMoments(3, (4, 4, 4), (0, 1, 2))
    averaged.update([placed((4, 4, 4))], "good")
    averaged.update([placed((4, 4, 4), value=np.nan)], "bad")
    with pytest.raises(MemberError, match="member bad returned values that are no prediction"):
        averaged.verify()
