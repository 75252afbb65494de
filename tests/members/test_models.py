from __future__ import annotations

import torch
from torch import nn

from ckpt_uq.members.untouched import evaluating, same_random_state


def test_evaluating_gives_every_part_its_own_mode_back():
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()))
    module[1][0].eval()
    before = [part.training for part in module.modules()]
    with evaluating(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == before == [True, True, True, False, True]


def test_the_random_state_is_forked():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    with same_random_state():
        torch.rand(10)
    assert torch.equal(torch.rand(2), expected)
