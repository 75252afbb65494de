"""Files that say what they are: read back the same, or refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.versioned_json import VersionedJson

KIND = VersionedJson("example point", version=3, what="point", writer="save_point")

plain = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.none())


@given(fields=st.dictionaries(st.text(), st.one_of(plain, st.lists(plain).map(tuple)), max_size=4))
def test_what_is_written_comes_back(tmp_path_factory, fields):
    fields = {name: value for name, value in fields.items() if name not in ("format", "version")}
    path = tmp_path_factory.getbasetemp() / "point.json"
    KIND.write(path, fields)
    assert KIND.read(path, lambda read: read) == fields


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a saved point"),
        ("\x00", "cannot be read as a saved point"),
        ("[" * 100_000, "cannot be read as a saved point"),
        ("[]", "is no saved point; write one with save_point"),
        (json.dumps({"format": "other", "version": 3}), "is no saved point"),
        (json.dumps({"format": "example point"}), "has version None, this library reads 3; fit"),
        (json.dumps({"format": "example point", "version": 4}), "has version 4, this library reads 3; fit"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    path = tmp_path / "point.json"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"point\.json {message}"):
        KIND.read(path, dict)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.json cannot be read as a saved point: .*No such file"):
        KIND.read(tmp_path / "absent.json", dict)


@pytest.mark.parametrize("error", [ArgumentError, KeyError, TypeError, ValueError])
def test_values_that_make_nothing_are_a_damage(tmp_path, error):
    def make(fields):
        raise error("x must be positive")

    KIND.write(tmp_path / "point.json", {"x": -1})
    with pytest.raises(DataError, match=r"point\.json is damaged \(.*x must be positive.*\); fit and save"):
        KIND.read(tmp_path / "point.json", make)
