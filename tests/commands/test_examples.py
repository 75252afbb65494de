"""The examples of every command's help, called one after the other as they are printed."""

from __future__ import annotations

import runpy
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from ckpt_uq.cli import app
from ckpt_uq.posthoc import LogitScaling, save_transform
from ckpt_uq.selection import PeakCheckpointSelector
from command_line import here
from commands_tiny import AFFINE, SHAPE, image_of, save_nifti
from reference.member_folders import save_case, softmax_noise

PROGRAM: Any = typer.main.get_command(app)
HOOK = runpy.run_path(str(Path(__file__).parents[2] / "docs/hooks/command_line.py"))
COMMANDS: dict[str, Any] = dict(HOOK["leaves"](PROGRAM))
READ_ONLY_PARSED = {  # minutes of training; nnU-Net; more cases than there are here
    "demo",
    "nnunet plugin",
    "nnunet predict",
    "calibrate",
    "conformal fit",
    "conformal apply",
}
STEPS = """

def prepare(volume):
    return every_second(volume)


restore = nearest
"""
SCORES = """case,contour_score_class_2,mean_entropy_bits,dice_mean,dice_class_2
{0}_1,1.5,0.1,0.9,0.8
{0}_2,2.5,0.4,0.4,0.3
{0}_3,1.2,0.2,0.9,0.7
{0}_4,1.9,0.2,0.8,0.6
{0}_5,2.1,0.3,0.6,0.5
{0}_6,1.1,0.1,0.9,0.9
"""


def examples(name: str) -> list[list[str]]:
    """Words of each example, without the program's name; what a shell would expand is expanded."""
    paragraphs = (COMMANDS[name].epilog or "").split("\n\n")
    calls = [shlex.split(one.replace("\n", " ")) for one in paragraphs if one.startswith("ckpt-uq ")]
    n_words = 1 + len(name.split())
    return [list(_expanded(words[n_words:])) for words in calls if words[1:n_words] == name.split()]


def _expanded(words: list[str]) -> Iterator[str]:
    for word in words:
        yield from map(str, sorted(Path().glob(word))) if "*" in word else ["cpu" if word == "cuda" else word]


@pytest.fixture
def workplace(in_tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the examples name, but for what other examples make."""
    monkeypatch.chdir(tmp_path)
    Path("examples_network.py").write_text((in_tiny.folder / "my_network.py").read_text() + STEPS)
    shutil.copytree(in_tiny.run, "runs/b")
    save_run_3d(in_tiny.weights, tmp_path / "runs/a")
    for index, name in enumerate(("case1", "case2")):
        save_nifti(tmp_path / f"{name}.nii.gz", image_of(index))
        save_nifti(tmp_path / f"scans/{name}.nii.gz", image_of(index))
        save_nifti(tmp_path / f"labels/{name}.nii.gz", image_of(index) % 3)
        for seed, member in enumerate(("fold_0", "fold_1", "fold_2", "peak_a", "peak_b", "peak_c")):
            save_case(tmp_path / member, name, softmax_noise((3, *SHAPE), seed), affine=AFFINE)
    rows = [f"{epoch},{0.5 + epoch % 50 / 100}\n" for epoch in range(800)]
    for name, n_epochs in (("history.csv", 800), ("loss.csv", 200)):
        Path(name).write_text("".join(["epoch,score\n", *rows[:n_epochs]]))
    save_transform("calibration.json", LogitScaling.of_temperature(2.0))
    for group, cases in (
        ("calibration", "calibration"),
        ("new", "new"),
        ("ours", "case"),
        ("theirs", "case"),
    ):
        Path(group).mkdir()
        Path(group, "scores.csv").write_text(SCORES.format(cases))
    return tmp_path


def save_run_3d(weights: list[Any], folder: Path) -> None:
    selector = PeakCheckpointSelector(folder, cycles=[1, 1], k=1, min_gain=None)
    for epoch, (slope, offset) in enumerate(weights):
        weight = torch.tensor(slope).float()[:, None, None, None, None]
        selector.step(epoch, 0.5, {"weight": weight, "bias": torch.tensor(offset).float()}, lr=0.1)


def needed_by(name: str) -> list[list[str]]:
    """Examples whose results the command takes."""
    first = {"evaluate": ["predict"], "report": ["predict", "combine"]}
    return [[before, *examples(before)[0]] for before in first.get(name, [])]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - READ_ONLY_PARSED))
def test_examples_do_what_they_promise(workplace: Path, name: str) -> None:
    calls = [*needed_by(name), *([name, *words] for words in examples(name))]
    assert len(calls) >= 2
    for call in calls:
        done = here(*(word.replace("my_network:", "examples_network:") for word in call))
        assert done.exit_code == 0, (call, done.output)


@pytest.mark.parametrize("name", sorted(READ_ONLY_PARSED & set(COMMANDS)))
def test_examples_can_be_parsed(name: str) -> None:
    assert examples(name)
    for words in examples(name):
        COMMANDS[name].make_context(name, words)
    with pytest.raises(Exception, match="No such option"):
        COMMANDS[name].make_context(name, ["--no-such-option"])
