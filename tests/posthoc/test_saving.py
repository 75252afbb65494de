"""What was fitted comes back the same, and a damaged file is an error with a name."""

from __future__ import annotations

import json

import pytest

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.posthoc.boundary import BoundaryTemperature
from ckpt_uq.posthoc.saving import load_transform, save_transform
from ckpt_uq.posthoc.scaling import LogitScaling


@pytest.mark.parametrize(
    "transform",
    [
        LogitScaling.of_temperature(1 / 3),
        LogitScaling((0.1, 0.2), (-1.0, 1e-9)),
        BoundaryTemperature(2.5, 1.1, pixels=4, slice_axis=2),
    ],
)
def test_it_comes_back_to_the_bit(tmp_path, transform):
    save_transform(tmp_path / "calibration.json", transform)
    assert load_transform(tmp_path / "calibration.json") == transform
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.json"]


def test_an_old_file_survives_a_failed_write(tmp_path):
    path = tmp_path / "calibration.json"
    save_transform(path, LogitScaling.of_temperature(2.0))
    with pytest.raises(ArgumentError, match=r"transform must be one of \['LogitScaling'.*got function"):
        save_transform(path, lambda logits: logits)
    assert load_transform(path) == LogitScaling.of_temperature(2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is no saved transform; write one with save_transform"),
        ({"version": 2}, "has version 2, this library reads 1"),
        ({"kind": "spline"}, "is damaged .*spline.*; fit and save it anew"),
        ({"scale": [-1.0]}, "is damaged .*scale must be positive"),
        ({"extra": 1}, "is damaged .*extra"),
        ({"scale": "half"}, "is damaged"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, change, message):
    path = tmp_path / "calibration.json"
    save_transform(path, LogitScaling.of_temperature(2.0))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=message):
        load_transform(path)


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_what_is_no_such_file_is_named(tmp_path, content):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"calibration\.json"):
        load_transform(path)
    with pytest.raises(DataError, match="cannot be read as a saved transform"):
        load_transform(tmp_path / "absent.json")
