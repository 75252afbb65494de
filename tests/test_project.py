"""What a user installs, and the files around it, are whole."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ckpt_uq

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
NNUNET_CONSTRAINTS = (ROOT / "constraints-nnunet.txt").read_text()


def run(command: Sequence[object], cwd: Path) -> str:
    """Run a command away from the source tree's import path and give back what it prints."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, "."], ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs' folder of an empty environment with the wheel in it.

    The dependencies are lent by the environment that runs the tests: a listed folder's own .pth files are
    not read, so an editable install of the source tree stays behind.
    """
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel], home)
    (site_packages,) = home.glob("lib/python*/site-packages")
    (site_packages / "lent.pth").write_text(sysconfig.get_paths()["purelib"])
    return home / "bin"


def test_wheel_holds_every_module_and_the_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.suffix in {".py", ".pyi", ".html", ".css", ".js", ".txt"} or path.name == "py.typed"
    }
    assert {"ckpt_uq/__init__.pyi", "ckpt_uq/py.typed", "ckpt_uq/kernels/__init__.py"} <= expected
    assert expected - names == set()
    assert not {name for name in names if name.startswith("tests")}


def test_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        meta = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert (meta["Name"], meta["Version"]) == ("ckpt-uq", ckpt_uq.__version__)
    assert meta["Requires-Python"] == "<3.14,>=3.11"
    assert meta["License-Expression"] == "Apache-2.0"
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence


def test_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert "demo" in run([installed / "ckpt-uq", "--help"], tmp_path)


def test_import_is_of_the_wheel_and_whole(installed: Path, tmp_path: Path) -> None:
    every_name = "import ckpt_uq; [getattr(ckpt_uq, n) for n in ckpt_uq.__all__]; print(ckpt_uq.__file__)"
    where = run([installed / "python", "-c", every_name], tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


def requirements(extra: str | None = None) -> list[Requirement]:
    named = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return [Requirement(text) for text in named]


def pins(constraints: str = CONSTRAINTS) -> dict[str, str]:
    lines = [line.split("==") for line in constraints.splitlines() if not line.startswith("#")]
    return {str(canonicalize_name(name)): version for name, version in lines}


@pytest.mark.parametrize("extra", [None, *PROJECT["optional-dependencies"]])
def test_tested_pins_lie_in_the_ranges(extra: str | None) -> None:
    pinned = pins(NNUNET_CONSTRAINTS if extra == "nnunet" else CONSTRAINTS)
    assert outside(requirements(extra), pinned) == []


def test_nnunets_pins_lie_in_the_ranges_of_the_library_too() -> None:
    pinned = pins(NNUNET_CONSTRAINTS)
    assert outside(requirements(), pinned) == []
    assert pinned["torch"] != pins()["torch"], "or one environment would do for both"


def outside(wanted: list[Requirement], pinned: dict[str, str]) -> list[str]:
    """Requirements that the pinned version does not meet, or that have none."""
    versions = {str(one): pinned.get(str(canonicalize_name(one.name)), "0") for one in wanted}
    return [str(one) for one in wanted if not one.specifier.contains(versions[str(one)])]


def imported_distributions(folder: Path) -> dict[str, str]:
    """Distributions that the files of a folder import, each with one file that does."""
    files = sorted(folder.rglob("*.py"))
    own = (
        {path.stem for path in files}
        | {path.parent.name for path in files}
        | {"ckpt_uq", "kits23", "readme_table"}
    )
    providers = packages_distributions()
    found = {}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            for root in {name.split(".")[0] for name in names} - own - set(sys.stdlib_module_names):
                found[canonicalize_name(providers.get(root, [root])[0])] = path.name
    return {str(name): where for name, where in found.items()}


def named(*extras: str) -> set[str]:
    every = [requirements(), *(requirements(extra) for extra in extras)]
    return {str(canonicalize_name(wanted.name)) for several in every for wanted in several}


def test_package_imports_only_what_it_asks_for() -> None:
    optional = set(PROJECT["optional-dependencies"]) - {"test", "browser", "lint", "docs"}
    found = imported_distributions(ROOT / "src")
    assert {"torch", "numpy", "typer"} <= set(found)
    assert {item for item in found.items() if item[0] not in named(*optional)} == set()


def test_tests_import_only_what_their_extras_ask_for() -> None:
    found = imported_distributions(ROOT / "tests")
    assert {"pytest", "hypothesis", "netcal"} <= set(found)
    assert {item for item in found.items() if item[0] not in named("test", "browser", "nnunet")} == set()


def test_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    table = run(["make", "--no-print-directory"], ROOT)
    assert set(re.findall(r"^  make ([a-z0-9-]+)", table, re.MULTILINE)) == set(phony.split())
    assert {"demo", "test", "test-slow", "lint", "docs", "bench"} <= set(phony.split())


def test_citation_names_library_paper_and_student_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["title"], citation["version"]) == ("ckpt_uq", ckpt_uq.__version__)
    assert citation["license"] == PROJECT["license"]
    titles = " ".join(reference["title"] for reference in citation["references"])
    assert "Rel-UNet" in titles
    assert "UnnUNet" in titles


def test_changelog_tells_of_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert ckpt_uq.__version__ in headings
