"""The README's numbers are those that were measured."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "readme_table.py"))


def run(seed: int, dice: float) -> dict[str, Any]:
    difference = {"estimate": -0.01, "low": -0.02, "high": 0.005, "n_cases": 40}
    names = ["dice_mean", "ece_percent", "ece_roi_percent", "nll_roi"]
    return {
        "settings": {"seed": seed, "n_epochs": 40},
        "n_cases": {"train": 110, "selection": 30, "calibration": 20, "test": 40},
        "n_members": 9,
        **dict.fromkeys(names, dice),
        **{f"{name}_best_single": 0.5 for name in names},
        "ensemble_minus_best_single": dict.fromkeys(names, difference),
        **{f"{name}_calibrated": 0.25 for name in names},
        **{f"{name}_best_single_calibrated": 0.125 for name in names},
        "ensemble_minus_best_single_calibrated": dict.fromkeys(names, difference),
    }


def test_table_is_of_the_committed_results() -> None:
    runs = SCRIPT["read_results"](ROOT / "benchmarks" / "results")
    readme = (ROOT / "README.md").read_text()
    assert len(runs) == 3
    assert SCRIPT["with_section"](readme, SCRIPT["section"](runs)) == readme


def test_a_row_has_the_means_and_every_difference() -> None:
    assert SCRIPT["row"]([run(0, 0.8), run(1, 0.9)], "dice_mean", "", "Dice", 3) == [
        "Dice",
        "0.500",
        "0.850",
        *["\N{MINUS SIGN}0.010 [\N{MINUS SIGN}0.020, +0.005]"] * 2,
    ]


def test_a_row_after_calibration_has_its_own_numbers():
    cells = SCRIPT["row"]([run(0, 0.8)], "nll_roi", "_calibrated", "NLL", 2)
    assert cells[:3] == ["NLL", "0.12", "0.25"]


def test_rows_that_a_run_has_not_are_left_out():
    lacking = {name: value for name, value in run(0, 0.8).items() if not name.endswith("_calibrated")}
    full, without = (SCRIPT["section"](runs) for runs in ([run(0, 0.8)], [run(0, 0.8), lacking]))
    assert ("a temperature each" in full, "a temperature each" in without) == (True, False)


def test_a_stale_table_is_noticed() -> None:
    old, new = (SCRIPT["section"]([run(0, dice)]) for dice in (0.8, 0.9))
    readme = f"before\n{SCRIPT['BEGIN']}\n{old}\n{SCRIPT['END']}\nafter\n"
    assert SCRIPT["with_section"](readme, old) == readme
    assert SCRIPT["with_section"](readme, new) == readme.replace(old, new) != readme
