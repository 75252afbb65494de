"""Memory of an ensemble from disk, measured in fresh processes by the benchmark itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "ensemble_memory.py"


@pytest.mark.parametrize("member_mb", [20.0, pytest.param(100.0, marks=pytest.mark.slow)])
def test_memory_is_flat_in_the_number_of_members(member_mb, tmp_path):
    spec = importlib.util.spec_from_file_location("ensemble_memory", BENCHMARK)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    few, many = benchmark.compare(member_mb, [2, 20], tmp_path / "run")
    assert (few["n_members"], many["n_members"]) == (2, 20)
    assert many["extra_mb"] < few["extra_mb"] + member_mb
    assert many["extra_mb"] < 4 * member_mb + 64
