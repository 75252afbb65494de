"""The folders follow the data: what stands right may import what stands left, never the reverse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "ckpt_uq"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE

GROUND = (
    "_version",
    "errors",
    "arrays",
    "probabilities",
    "grid",
    "kernels",
    "io",
)
"""Stand under all; import nobody but each other."""

CHAIN = (
    "cycles",
    "schedule",
    "weights",
    "checkpoints",
    "peaks",
    "choices",
    "plan",
    "verdicts",
    "manifest",
    "selection",
    "members",
    "logits",
    "moments",
    "maps",
    "decomposition",
    "prediction",
    "ensemble",
    "scores",
    "calibration",
    "posthoc",
    "conformal",
    "evaluation",
    "quality",
    "analysis",
    "case_folder",
    "cohort",
    "combining",
    "predicting",
    "evaluating",
    "contouring",
    "report",
    "demo",
    "adapters",
    "terminal",
    "commands",
    "cli",
)
"""Left to right, the way of the data."""

CHECKPOINT_FILES = {"checkpoints"}
"""The only module that opens checkpoint files."""

FRAMEWORKS = {
    "fastai",
    "ignite",
    "jax",
    "keras",
    "lightning",
    "monai",
    "nnunetv2",
    "onnxruntime",
    "pytorch_lightning",
    "tensorflow",
    "torchmetrics",
    "transformers",
}
UNPICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


CONTRIBUTING = SOURCE.parents[1] / "CONTRIBUTING.md"


def imported(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Absolute dotted names that ``module`` imports, at whatever depth, for types too."""
    here = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def part(module: str) -> str:
    """First name below the package: ``ckpt_uq.members.models`` is of the part ``members``."""
    return module.split(".")[1] if "." in module else ""


def layer_faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """Imports of ``module`` that run against the order."""
    mine = part(module)
    if mine == "":
        return []  # the package's own __init__ names everything, lazily
    faults = []
    for name in imported(source, module, is_package):
        if name.split(".")[0] != PACKAGE:
            continue
        theirs = part(name)
        if theirs == mine or theirs in GROUND:
            continue
        if theirs not in CHAIN or mine not in CHAIN or CHAIN.index(theirs) > CHAIN.index(mine):
            faults.append(f"{module} must not import {name}")
    return faults


def outside_faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """Frameworks outside adapters, and anything that could unpickle."""
    roots = {name.split(".")[0] for name in imported(source, module, is_package)}
    banned = UNPICKLERS if part(module) == "adapters" else UNPICKLERS | FRAMEWORKS
    return [f"{module} must not import {name}" for name in sorted(roots & banned)]


def file_faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """Checkpoint files touched from elsewhere, and loading that trusts a file, from anywhere."""
    faults = []
    if part(module) not in CHECKPOINT_FILES:
        opening = {"torch.load", "torch.save", "torch.jit.load", "torch.serialization", "torch.package"}
        named = {ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
        names = {*imported(source, module, is_package), *named}
        faults += [
            f"{module} must leave {n} to {PACKAGE}.checkpoints"
            for n in sorted(names)
            if n in opening or n.split(".")[0] == "safetensors"
        ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            trusting = {"weights_only": False, "allow_pickle": True}
            if node.arg in trusting and node.value.value is trusting[node.arg]:
                faults.append(f"{module}:{node.value.lineno} must not unpickle ({ast.unparse(node)})")
    return faults


def modules() -> list[tuple[str, Path]]:
    """Dotted name and file of every module of the package."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        names = path.relative_to(SOURCE.parent).with_suffix("").parts
        found.append((".".join(names[:-1] if names[-1] == "__init__" else names), path))
    return found


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_module_stands_where_it_may(module: str, path: Path) -> None:
    source, is_package = path.read_text(), path.name == "__init__.py"
    assert part(module) in ("", *GROUND, *CHAIN), f"{module}: say in CHAIN or GROUND where it stands"
    assert layer_faults(source, module, is_package) == []
    assert outside_faults(source, module, is_package) == []
    assert file_faults(source, module, is_package) == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from ckpt_uq.ensemble import CheckpointEnsemble", "ckpt_uq.moments"),
        ("from ckpt_uq import ensemble", "ckpt_uq.moments"),
        ("from .ensemble import CheckpointEnsemble", "ckpt_uq.moments"),
        ("from .. import cli", "ckpt_uq.scores.contour_entropy"),
        ("def f():\n    import ckpt_uq.cli", "ckpt_uq.scores.contour_entropy"),
        ("from ckpt_uq.schedule import SGDR", "ckpt_uq.kernels.entropy"),
        ("import ckpt_uq", "ckpt_uq.ensemble"),
    ],
)
def test_import_to_the_right_is_a_fault(source: str, module: str) -> None:
    assert len(layer_faults(source, module)) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from ckpt_uq.moments import EnsembleMoments", "ckpt_uq.ensemble"),
        ("from ckpt_uq import moments", "ckpt_uq.ensemble"),
        ("from .source import Member", "ckpt_uq.members.models"),
        ("from ..errors import ArgumentError", "ckpt_uq.kernels.entropy"),
        ("import numpy as np", "ckpt_uq.kernels.entropy"),
    ],
)
def test_import_to_the_left_is_none(source: str, module: str) -> None:
    assert layer_faults(source, module) == []


@pytest.mark.parametrize("source", ["import monai", "from lightning.pytorch import Trainer", "import pickle"])
def test_framework_or_unpickler_is_a_fault(source: str) -> None:
    assert len(outside_faults(source, "ckpt_uq.ensemble")) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("torch.load(path)", "ckpt_uq.ensemble"),
        ("from torch import save", "ckpt_uq.demo.training"),
        ("from safetensors.torch import load_file", "ckpt_uq.members.checkpoints"),
        ("torch.load(path, weights_only=False)", "ckpt_uq.checkpoints"),
        ("np.load(path, allow_pickle=True)", "ckpt_uq.io.volumes"),
    ],
)
def test_opening_a_checkpoint_elsewhere_or_trusting_one_is_a_fault(source: str, module: str) -> None:
    assert len(file_faults(source, module)) == 1


def test_checkpoints_may_open_checkpoints() -> None:
    assert file_faults("torch.load(path, weights_only=True)", "ckpt_uq.checkpoints") == []


def test_the_map_of_the_code_names_every_part_in_order() -> None:
    rows = re.findall(r"^\| [^|`]+ \| (`.+`) \|", CONTRIBUTING.read_text(), re.MULTILINE)
    named = [name.removesuffix("/") for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert named == [*GROUND, *CHAIN]
