"""Results folders to make pages of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from results_folders import write_combined, write_everything


def _once(write: Callable[[Path], None], factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("results") / "results"
    write(folder)
    return folder


@pytest.fixture(scope="session")
def _everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _once(write_everything, tmp_path_factory)


@pytest.fixture(scope="session")
def _combined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _once(write_combined, tmp_path_factory)


@pytest.fixture
def everything(_everything: Path, tmp_path: Path) -> Path:
    """A folder with all that a page can show."""
    return shutil.copytree(_everything, tmp_path / "everything")


@pytest.fixture
def combined(_combined: Path, tmp_path: Path) -> Path:
    """A folder without images, truth or run."""
    return shutil.copytree(_combined, tmp_path / "combined")
