from __future__ import annotations

import json

import pytest

from ckpt_uq.demo.folder import DemoSettings, open_folder
from ckpt_uq.errors import ArgumentError, DataError


@pytest.fixture
def begun(tmp_path):
    out = tmp_path / "out"
    open_folder(out, data="phantom-tiny", seed=3)
    (out / "run").mkdir()
    (out / "run" / "manifest.json").write_text("{}")
    (out / "training_state.pt").write_text("weights")
    return out


def test_a_new_folder_gets_the_defaults(tmp_path):
    out = tmp_path / "deep" / "out"
    assert open_folder(out) == DemoSettings("phantom", 0, 32)
    assert json.loads((out / "settings.json").read_text()) == {"data": "phantom", "seed": 0, "n_epochs": 32}


def test_a_begun_run_is_left_alone_without_a_flag(begun):
    with pytest.raises(ArgumentError, match="--resume to go on with it, --overwrite to start again"):
        open_folder(begun)
    assert (begun / "training_state.pt").read_text() == "weights"


def test_resume_takes_the_settings_of_the_run(begun):
    assert open_folder(begun, resume=True) == DemoSettings("phantom-tiny", 3, 4)
    assert open_folder(begun, seed=3, data="phantom-tiny", resume=True).n_epochs == 4
    assert (begun / "training_state.pt").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"seed": 4}, "seed must be 3 as in the run at .*, got 4"),
        ({"data": "phantom"}, "data must be phantom-tiny"),
        ({"n_epochs": 5}, "n_epochs must be 4"),
    ],
)
def test_resume_refuses_other_settings(begun, asked, said):
    with pytest.raises(ArgumentError, match=said):
        open_folder(begun, resume=True, **asked)


def test_resume_begins_where_there_is_nothing(tmp_path):
    assert open_folder(tmp_path / "out", data="phantom-tiny", resume=True).data == "phantom-tiny"


def test_overwrite_removes_the_run_and_nothing_else(begun):
    (begun / "notes.txt").write_text("mine")
    assert open_folder(begun, data="phantom-tiny", overwrite=True) == DemoSettings("phantom-tiny", 0, 4)
    assert sorted(path.name for path in begun.iterdir()) == ["notes.txt", "settings.json"]


@pytest.mark.parametrize("flags", [{}, {"overwrite": True}, {"resume": True}])
def test_somebody_else_s_folder_is_never_touched(tmp_path, flags):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(ArgumentError, match=r"holds thesis\.tex"):
        open_folder(tmp_path, **flags)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ArgumentError, match="is a file"):
        open_folder(tmp_path / "out")


def test_contradicting_flags(tmp_path):
    with pytest.raises(ArgumentError, match="contradict"):
        open_folder(tmp_path / "out", resume=True, overwrite=True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"data": "brain"}, "data must be one of phantom, .*, got 'brain'"),
        ({"seed": -1}, "seed must be >= 0, got -1"),
        ({"n_epochs": 0}, "epochs must be >= 1, got 0"),
    ],
)
def test_bad_settings_make_no_folder(tmp_path, asked, said):
    with pytest.raises(ArgumentError, match=said):
        open_folder(tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "[1]", '{"data": "phantom"}'])
def test_damaged_settings_are_named(begun, content):
    (begun / "settings.json").write_text(content)
    with pytest.raises(DataError, match=r"settings\.json must hold the settings of a run"):
        open_folder(begun, resume=True)
