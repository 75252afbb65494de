from __future__ import annotations

import pytest
import torch

from ckpt_uq.adapters.nnunet.flips import Flipped, flips_of


@pytest.mark.parametrize(
    ("axes", "flips"),
    [
        (None, [()]),
        ([], [()]),
        ([1], [(), (1,)]),
        ([0, 1, 2], [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]),
    ],
)
def test_every_set_of_axes_once(axes, flips):
    assert flips_of(axes) == flips


def test_the_network_sees_the_mirror_image_and_answers_in_the_images_place():
    seen = []

    def look(batch):
        seen.append(batch)
        return batch * torch.tensor([1.0, 10.0])[None, :, None, None]

    class Network(torch.nn.Module):
        def forward(self, batch):
            return look(batch.repeat(1, 2, 1, 1))

    image = torch.arange(6.0).reshape(1, 1, 2, 3)
    answer = Flipped(Network(), (1,))(image)
    assert torch.equal(seen[0][:, :1], image.flip(3))
    assert torch.equal(answer, torch.cat([image, 10 * image], 1))


def test_a_shift_is_mirrored():
    class Shift(torch.nn.Module):
        def forward(self, batch):
            return batch.roll(1, dims=3)

    image = torch.arange(4.0).reshape(1, 1, 1, 4)
    assert torch.equal(Flipped(Shift(), (1,))(image), image.roll(-1, dims=3))
