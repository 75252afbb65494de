"""Write the README's table of measurements from benchmarks/results/hippocampus*.json.

Run with ``python benchmarks/readme_table.py`` after new results; a test holds README and results together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- measured: hippocampus -->"
END = "<!-- /measured -->"

METRICS = (
    ("dice_mean", "", "Dice, mean of the classes, higher is better", 3),
    ("ece_percent", "", "ECE %, all voxels, lower is better", 2),
    ("ece_roi_percent", "", "ECE %, around the organ, lower is better", 2),
    ("nll_roi", "", "NLL in nats, around the organ, lower is better", 3),
    ("ece_percent", "_calibrated", "*with a temperature each:* ECE %, all voxels", 2),
    ("ece_roi_percent", "_calibrated", "*with a temperature each:* ECE %, around the organ", 2),
    ("nll_roi", "_calibrated", "*with a temperature each:* NLL, around the organ", 3),
)
"""Name in the results, its suffix there, what the row says, decimals."""


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The committed runs, by seed."""
    runs = [json.loads(path.read_text()) for path in folder.glob("hippocampus*.json")]
    return sorted(runs, key=lambda run: int(run["settings"]["seed"]))


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row per metric of every run: means over seeds, each seed's difference and interval."""
    seeds = [run["settings"]["seed"] for run in runs]
    head = ["", "best single", "ensemble", *(f"difference, seed {seed}" for seed in seeds)]
    measured = [metric for metric in METRICS if all(metric[0] + metric[1] in run for run in runs)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *(row(runs, *metric) for metric in measured)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(runs: Sequence[dict[str, Any]], metric: str, suffix: str, label: str, decimals: int) -> list[str]:
    """One metric."""
    single = fmean(run[f"{metric}_best_single{suffix}"] for run in runs)
    ours = fmean(run[f"{metric}{suffix}"] for run in runs)
    differences = [run[f"ensemble_minus_best_single{suffix}"][metric] for run in runs]
    return [
        label,
        f"{single:.{decimals}f}",
        f"{ours:.{decimals}f}",
        *(interval(difference, decimals) for difference in differences),
    ]


def interval(difference: dict[str, float], decimals: int) -> str:
    """A difference and its interval, with a true minus sign."""
    text = (
        f"{difference['estimate']:+.{decimals}f} "
        f"[{difference['low']:+.{decimals}f}, {difference['high']:+.{decimals}f}]"
    )
    return text.replace("-", "\N{MINUS SIGN}")


def section(runs: Sequence[dict[str, Any]]) -> str:
    """What stands between the markers: what was measured, on what, and the table."""
    first = runs[0]
    members = ", ".join(str(run["n_members"]) for run in runs)
    cases = first["n_cases"]
    return (
        f"Hippocampus MR (Medical Segmentation Decathlon): {cases['train']} cases to train, "
        f"{cases['selection']} to select checkpoints, {cases['test']} to\ntest once; a small 2D U-Net, "
        f"{first['settings']['n_epochs']} epochs. Means over {len(runs)} seeds ({members} members).\n"
        "Differences: ensemble minus best single checkpoint, 95 % bootstrap intervals over test cases.\n"
        f"{_temperature(runs)}"
        f"\n{table(runs)}"
    )


def _temperature(runs: Sequence[dict[str, Any]]) -> str:
    if not all(run.get("temperature") for run in runs):
        return ""  # cases that determine none leave no such rows
    return (
        f"The temperature of either is fitted on {runs[0]['n_cases']['calibration']} other cases; it leaves "
        "Dice as it is.\n"
    )


def with_section(readme: str, text: str) -> str:
    """The README with the text between its markers replaced."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return marked.sub(lambda _: f"{BEGIN}\n{text}\n{END}", readme)


def main() -> None:
    """Rewrite the README."""
    readme = ROOT / "README.md"
    readme.write_text(with_section(readme.read_text(), section(read_results(RESULTS))))


if __name__ == "__main__":
    main()
