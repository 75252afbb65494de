"""docs/benchmarks.md says what was measured, and the verdicts are those of the numbers."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
KERNELS = ROOT / "benchmarks" / "kernels"


@pytest.fixture
def scripts(monkeypatch):
    """Load a script of benchmarks/kernels as its command does, and forget what it imported from beside it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(KERNELS))
    yield lambda name: runpy.run_path(str(KERNELS / f"{name}.py"))
    for name in set(sys.modules) - before:
        if (KERNELS / f"{name.split('.')[0]}.py").exists() or name.split(".")[0] == "tasks":
            del sys.modules[name]


def test_page_and_plots_are_of_the_committed_results(scripts):
    page = scripts("page")
    written = page["files"](page["read"]())
    assert len(written) == 4
    for path, text in written.items():
        assert (ROOT / "docs" / path).read_text() == text, f"run {page['__file__']}"


def test_results_say_what_they_were_measured_on(scripts):
    for part, found in scripts("page")["read"]().items():
        assert {"date", "machine", "versions", "size"} <= set(found), part
        assert {"torch", "numba", "netcal", "monai", "torchmetrics"} <= set(found["versions"])
        assert found["size"] != "quick"


def measured(ours, floor, peer, extra):
    """Results of the entropy alone."""
    times = {"floor": floor, "ckpt_uq, out=": ours, "scipy.stats.entropy": peer}
    ways = {name: {"median_ms": ms, "min_ms": ms / 2} for name, ms in times.items()}
    task = {"threads": {"1": {"ways": {}}, "2": {"ways": ways}}, "extra_mb": {"ckpt_uq, out=": extra}}
    return {"tasks": {"entropy": task}, "grid": [4, 4, 4], "n_classes": 4}


@pytest.mark.parametrize(
    ("ours", "floor", "peer", "extra", "verdicts"),
    [
        (15.0, 10.0, 300.0, 64.0, ["met", "met", "met"]),
        (15.2, 10.0, 304.0, 65.0, ["**not met**", "met", "**not met**"]),
        (14.0, 10.0, 270.0, 0.0, ["met", "**not met**", "met"]),
    ],
)
def test_verdicts(scripts, ours, floor, peer, extra, verdicts):
    rows = scripts("targets")["rows"](measured(ours, floor, peer, extra))
    assert [row[-1] for row in rows[1:]] == verdicts


def test_accumulators_are_no_extra_memory(scripts):
    targets = scripts("targets")
    assert targets["kept_mb"]("moments", [10, 10, 10], 4) == pytest.approx(0.02)
    assert targets["kept_mb"]("entropy", [10, 10, 10], 4) == 0


@pytest.mark.parametrize(
    "name", ["entropy", "contour", "calibration", "class_calibration", "dice", "moments"]
)
def test_truths_are_told_from_what_is_wrong(scripts, name):
    # every task's first way of ours is right, and a way that is off is seen to be
    task = scripts(f"tasks/{name}")["TASK"]
    case = scripts("case")["Case"]((6, 16, 16))
    truth = task.truth(case)
    result = next(iter(task.ours.values()))(case)()
    assert task.difference(result, truth) < 2e-6
    wrong = (
        tuple(np.asarray(part) + 0.25 for part in result) if name == "moments" else np.asarray(result) + 0.25
    )
    assert task.difference(wrong, truth) == pytest.approx(0.25, abs=1e-5)


def test_interleaved_ways_take_turns(scripts):
    turns = []
    ways = {name: lambda name=name: turns.append(name) for name in "ab"}
    found = scripts("stopwatch")["interleaved"](ways, rounds=3, budget=9.0)
    assert "".join(turns) == "ababab"
    assert [value["n"] for value in found.values()] == [3, 3]
    once = scripts("stopwatch")["interleaved"](ways, rounds=3, budget=0.0)
    assert [value["n"] for value in once.values()] == [1, 1]


def test_a_later_run_keeps_what_it_did_not_measure(scripts, monkeypatch, tmp_path):
    command = scripts("__main__")
    record = sys.modules["record"]
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    earlier = {"size": "normal", "grid": [2], "tasks": {"entropy": 1, "dice": 2}}
    (tmp_path / "kernels_tasks.json").write_text(json.dumps(earlier))
    kept = command["with_earlier"]("kernels_tasks", {"size": "normal", "grid": [2], "tasks": {"dice": 3}})
    assert kept["tasks"] == {"entropy": 1, "dice": 3}
    other = {"size": "normal", "grid": [3], "tasks": {"dice": 3}}
    assert command["with_earlier"]("kernels_tasks", other) == other
