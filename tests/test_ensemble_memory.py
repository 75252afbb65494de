"""Memory of an ensemble from disk, measured in fresh processes by the benchmark itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "ensemble_memory.py"


@pytest.mark.parametrize(
    # Above 32 MB glibc gives memory back at once; below, what the heap holds on to would be measured too.
    ("member_mb", "counts"),
    [(40.0, [2, 8]), pytest.param(100.0, [2, 20], marks=pytest.mark.slow)],
)
def test_memory_is_flat_in_the_number_of_members(member_mb, counts, tmp_path):
    spec = importlib.util.spec_from_file_location("ensemble_memory", BENCHMARK)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    few, many = benchmark.compare(member_mb, counts, tmp_path / "run")
    assert [few["n_members"], many["n_members"]] == counts
    assert many["extra_mb"] < few["extra_mb"] + member_mb
    assert many["extra_mb"] < 4 * member_mb + 64
