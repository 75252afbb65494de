"""The U-Net, its loss, its augmentation, and the way of volumes through it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ckpt_uq.demo.augment import augment
from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.loss import dice_loss
from ckpt_uq.demo.slicewise import Slicewise, standardised, training_slices
from ckpt_uq.demo.unet import SmallUNet, seeded_unet
from ckpt_uq.errors import DataError


def test_unet_answers_on_the_grid_of_its_input():
    assert SmallUNet(3)(torch.zeros(2, 1, 24, 40)).shape == (2, 3, 24, 40)
    assert sum(p.numel() for p in SmallUNet(4).parameters()) == pytest.approx(390_000, rel=0.01)


def test_a_seed_decides_the_first_weights_and_no_other_random_state():
    before = torch.get_rng_state()
    first, again, other = (seeded_unet(2, seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_untrained_network_starts_from_background():
    probs = seeded_unet(4, 0)(torch.randn(1, 1, 32, 32)).softmax(1)
    assert probs[:, 0].mean() > 0.5


def test_dice_loss_equals_the_formula():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 4, generator=generator)
    labels = torch.randint(3, (2, 5, 4), generator=generator)
    probs = logits.softmax(1).numpy()
    dice = [
        2 * probs[:, k][labels == k].sum() / (probs[:, k].sum() + (labels == k).sum().item()) for k in (1, 2)
    ]
    assert dice_loss(logits, labels).item() == pytest.approx(1 - np.mean(dice), abs=1e-5)


def test_a_class_that_the_batch_lacks_is_not_driven_out():
    logits = torch.zeros(1, 3, 8, 8, requires_grad=True)
    dice_loss(logits, torch.zeros(1, 8, 8, dtype=torch.long)).backward()
    assert logits.grad.abs().max() < 1e-6


def test_image_and_labels_move_together():
    labels = torch.zeros(8, 32, 48, dtype=torch.long)
    labels[:, 6:14, 8:30] = 1
    labels[:, 20:26, 30:40] = 2
    images = labels[:, None].float() * 10
    moved, moved_labels = augment(images, labels, torch.Generator().manual_seed(0))
    assert not torch.equal(moved_labels, labels)
    assert set(moved_labels.unique().tolist()) == {0, 1, 2}
    agree = (moved[:, 0] / 10).round().long() == moved_labels
    assert agree.float().mean() > 0.95  # but for the blurred borders


def test_shapes_keep_their_form_when_turned():
    labels = torch.zeros(16, 64, 32, dtype=torch.long)
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(32) - 15.5, indexing="ij")
    labels[:, (y**2 + x**2) < 100] = 1
    _, moved = augment(labels[:, None].float(), labels, torch.Generator().manual_seed(1))
    for disc in moved.numpy():  # it stays a disc, whatever the grid's aspect
        spread = np.cov(np.argwhere(disc).T)
        assert spread[0, 0] == pytest.approx(spread[1, 1], rel=0.04)
        assert abs(spread[0, 1]) < 0.04 * spread[0, 0]


def test_the_generator_decides_the_augmentation():
    images, labels = torch.randn(4, 1, 16, 16), torch.zeros(4, 16, 16, dtype=torch.long)
    first, again, other = (
        augment(images, labels, torch.Generator().manual_seed(seed))[0] for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("plane", [(16, 16), (9, 13), (24, 17), (16, 40)])
def test_slicewise_answers_on_the_volume_s_own_grid(plane):
    volumes = torch.randn(2, 1, 3, *plane)
    seen = []

    def network(slices):
        seen.append(tuple(slices.shape))
        return torch.cat([slices, -slices], dim=1)

    logits = Slicewise(grid=(16, 16))(volumes, network)
    assert torch.equal(logits, torch.cat([volumes, -volumes], dim=1))
    ((n, _, rows, columns),) = seen
    assert n == 6
    assert (rows % 8, columns % 8) == (0, 0)
    assert rows >= 16
    assert columns >= 16


def test_a_reduced_network_answers_at_full_size():
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 2, 30, 32)
    sizes = []

    def network(slices):
        sizes.append(tuple(slices.shape[-2:]))
        return slices

    logits = Slicewise(grid=(8, 8), factor=4)(ramp, network)
    assert sizes == [(8, 8)]
    assert logits.shape == (1, 1, 2, 30, 32)
    inner = slice(4, -4)
    torch.testing.assert_close(logits[..., inner], ramp[..., inner], atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize("where", [np.s_[:, 7:16], np.s_[:, :, 10:25]])
def test_training_pairs_lie_on_each_other(factor, where):
    labels = np.zeros((2, 24, 30), np.uint8)
    labels[where] = 1
    images, truth = Slicewise(grid=(32, 32), factor=factor).training_pairs(labels.astype(np.float32), labels)
    assert images.shape == (2, 1, 32, 32)
    assert truth.shape == (2, 32, 32)
    inside = (24 // factor, 30 // factor)
    torch.testing.assert_close(
        images[:, 0, : inside[0], : inside[1]].round().long(), truth[:, : inside[0], : inside[1]]
    )
    assert truth[:, inside[0] :].sum() == 0


def test_a_slice_larger_than_the_training_grid_is_refused():
    labels = np.zeros((1, 40, 16), np.uint8)
    with pytest.raises(DataError, match=r"\(16, 16\), got \(40, 16\)"):
        Slicewise(grid=(16, 16)).training_pairs(labels.astype(np.float32), labels)


def test_standardised_clips_first():
    image = np.array([[[-1000.0, 0.0, 100.0, 5000.0]]], np.float32)
    case = Case("c", image, np.zeros((1, 1, 4), np.uint8), np.eye(4))
    clipped = np.array([-100.0, 0.0, 100.0, 200.0])
    expected = (clipped - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(standardised(case, (-100, 200)).ravel(), expected, atol=1e-4)
    assert standardised(case, None).mean() == pytest.approx(0, abs=1e-6)


def test_training_slices_take_every_second():
    rng = np.random.default_rng(0)
    cases = [
        Case(f"c{i}", rng.normal(size=(n, 8, 8)).astype(np.float32), np.zeros((n, 8, 8), np.uint8), np.eye(4))
        for i, n in enumerate((3, 4))
    ]
    images, labels = training_slices(cases, Slicewise(grid=(8, 8)), None, step=2)
    assert images.shape == (4, 1, 8, 8)
    assert labels.dtype == torch.int64
    np.testing.assert_allclose(images[1, 0], standardised(cases[0], None)[2], atol=1e-6)


def test_slicewise_serves_a_real_network():
    network = nn.Conv2d(1, 2, 3, padding=1)
    volume = torch.randn(1, 1, 2, 16, 16)
    whole = Slicewise(grid=(16, 16))(volume, network)
    torch.testing.assert_close(whole[0, :, 1], network(volume[0, :, 1][None])[0])
