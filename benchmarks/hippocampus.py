"""The demo on hippocampus MR with three seeds, and the README's table of it.

Writes benchmarks/results/hippocampus_seed*.json and README.md. Run with ``python benchmarks/hippocampus.py``;
an interrupted run goes on where it was. About fifteen minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import readme_table

RESULTS = Path(__file__).parent / "results"


def run(seed: int, out: Path) -> None:
    """One seed, with what an interrupted run left."""
    demo = [sys.executable, "-c", "from ckpt_uq.cli import main; main()", "demo", "--data", "hippocampus"]
    subprocess.run([*demo, "--seed", str(seed), "--out", str(out), "--resume"], check=True)
    shutil.copy(out / "metrics.json", RESULTS / f"hippocampus_seed{seed}.json")


def main() -> None:
    """Run the seeds and rewrite the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("out/hippocampus"))
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        run(seed, arguments.out / f"seed{seed}")
    readme_table.main()


if __name__ == "__main__":
    main()
