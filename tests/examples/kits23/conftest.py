"""One small folder WORK for all tests of what comes after prediction."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kits23.cli import app
from kits23.work import Work
from kits_work import make_work

SYSTEMS = (("full_train", 1.0), ("rel_unet", 0.5))


@pytest.fixture(scope="package")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Two systems, predicted and evaluated; not to be changed."""
    work = make_work(tmp_path_factory.mktemp("kits23"), SYSTEMS)
    done = CliRunner().invoke(app, ["evaluate", str(work.root)])
    assert done.exit_code == 0, done.output
    return work


@pytest.fixture
def predicted(evaluated: Work, tmp_path: Path) -> Work:
    """A copy of one system's predictions and of the labels, to be changed."""
    work = Work(tmp_path / "work")
    for part in (work.raw / "labelsTs", work.predictions / "rel_unet"):
        source = evaluated.root / part.relative_to(work.root)
        for path in source.rglob("*"):
            if path.is_file():
                target = part / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    work.preparation.write_text("{}")
    return work
