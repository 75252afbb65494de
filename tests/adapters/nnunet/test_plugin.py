from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import command_line
from ckpt_uq.adapters.nnunet.plugin_folder import VARIABLE, plugin_folder, with_plugin


def defined(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


def predict_in(folder, *arguments):
    return command_line.here("nnunet", "predict", "-m", folder, "-i", folder, "-o", folder, *arguments)


def test_the_plugin_hands_on_every_trainer():
    (file,) = plugin_folder().glob("*.py")
    trainers = {name for name in defined(plugin_folder().parent / "trainers.py") if not name.startswith("_")}
    (imported,) = [n for n in ast.parse(file.read_text()).body if isinstance(n, ast.ImportFrom)]
    assert {alias.name for alias in imported.names} == trainers
    assert all(name.startswith("nnUNetTrainer") for name in trainers)
    assert len(trainers) == 5


def test_the_command_prints_the_folder_and_nothing_else():
    assert command_line.here("nnunet", "plugin").stdout == f"{plugin_folder()}\n"


def test_the_plugin_comes_after_what_was_there_and_once():
    once = with_plugin({VARIABLE: f"/mine{os.pathsep}/yours", "HOME": "/home/me"})
    assert once[VARIABLE].split(os.pathsep) == ["/mine", "/yours", str(plugin_folder())]
    assert with_plugin(once) == once
    assert with_plugin({})[VARIABLE] == str(plugin_folder())


def test_without_nnunet_the_command_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("ckpt_uq.adapters.nnunet.requirement.find_spec", {"nnunetv2": None}.get)
    result = predict_in(tmp_path)
    assert result.exit_code == 1
    assert "pip install 'ckpt-uq[nnunet]'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mirror", "sideways"], "must be one of average, members, none"),
        (["--epochs", "a"], "must be numbers"),
        (["-part_id", "-1"], "Invalid value"),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path, arguments, words):
    result = predict_in(tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
