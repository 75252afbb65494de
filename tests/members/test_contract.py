"""What every member source keeps to; a new file in members/ is found by itself and needs a sample here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import torch

import ckpt_uq.members
from ckpt_uq.checkpoints import save_weights
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.members.source import Member, MemberSource


def module():
    return torch.nn.Conv1d(1, 2, 1)


def checkpoint_members(make, folder):
    paths = [folder / "a.pt", folder / "b.safetensors"]
    for path in paths:
        save_weights(path, module())
    return make(paths, module())


SAMPLES = {
    "CheckpointMembers": checkpoint_members,
    "ModelMembers": lambda make, folder: make([module(), lambda x: np.concatenate([x, -x], axis=1)]),
}


def source_classes():
    for info in pkgutil.iter_modules(ckpt_uq.members.__path__):
        part = importlib.import_module(f"ckpt_uq.members.{info.name}")
        for name, cls in inspect.getmembers(part, inspect.isclass):
            if cls.__module__ == part.__name__ and hasattr(cls, "members") and cls is not MemberSource:
                yield name, cls


@pytest.fixture(params=dict(source_classes()).items(), ids=lambda item: item[0])
def source(request, tmp_path):
    name, make = request.param
    return SAMPLES[name](make, tmp_path)


def test_it_is_a_member_source(source):
    assert isinstance(source, MemberSource)


def test_it_hands_out_as_many_members_as_it_says_every_time(source):
    first, second = ([member.name for member in source.members()] for _ in range(2))
    assert len(first) == len(source) == len(set(first))
    assert first == second


def test_its_members_are_members_and_predict(source):
    for member in source.members():
        assert type(member) is Member
    prediction = CheckpointEnsemble(source).predict(np.ones((1, 4), np.float32))
    assert prediction.n_members == len(source)
    assert prediction.grid == (4,)
