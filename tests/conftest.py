"""What every test shares: how hypothesis searches, how many threads a worker takes, where real data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Numba compiles inside the first example, so a deadline would measure the compiler.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

# Before anything imports Triton: its loops run on the host, unless `make test-gpu` says otherwise.
os.environ.setdefault("TRITON_INTERPRET", "1")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch loads, and inherited by the processes that tests start: workers share the cores already.
    os.environ["OMP_NUM_THREADS"] = "1"


def _data_folder() -> Path | None:
    folder = os.environ.get("CKPT_UQ_DATA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def pytest_report_header() -> str:
    """Say on which data the run stands."""
    folder = _data_folder()
    if folder is not None:
        return f"real data: {folder}"
    named = os.environ.get("CKPT_UQ_DATA")
    why = f"CKPT_UQ_DATA={named} is no folder" if named else "CKPT_UQ_DATA is not set"
    return f"real data: none ({why}); tests of real data run on the phantom instead"


@pytest.fixture(scope="session")
def real_data() -> Path | None:
    """Folder of real data, or None: then the test takes the phantom in its place."""
    return _data_folder()
