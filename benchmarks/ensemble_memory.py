"""Peak memory of an ensemble from disk: 2 and 20 members of 100 MB, each in a fresh process.

Writes benchmarks/results/ensemble_memory.json. Run with ``python benchmarks/ensemble_memory.py``;
``--member-mb`` and ``--members`` make it smaller.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import nn

from ckpt_uq.demo.machine import machine, versions
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.selection import PeakCheckpointSelector

RESULT = Path(__file__).parent / "results" / "ensemble_memory.json"


def network(member_mb: float) -> nn.Module:
    """A 2D network whose weights take ``member_mb`` megabytes, nearly all in one layer."""
    width = max(1, round((member_mb * 1e6 / 4 / 9) ** 0.5))
    return nn.Sequential(
        nn.Conv2d(1, width, 1),
        nn.AvgPool2d(16),
        nn.Conv2d(width, width, 3, padding=1),
        nn.Conv2d(width, 4, 1),
    )


def write_run(folder: Path, member_mb: float, n_members: int) -> None:
    """A run folder with one snapshot a cycle."""
    selector = PeakCheckpointSelector(folder, cycles=[1] * n_members, k=1, min_gain=None)
    for epoch in range(n_members):
        torch.manual_seed(epoch)
        selector.step(epoch, 0.5, network(member_mb), lr=0.1)


def status_mb(field: str) -> float:
    """Memory of this process: VmRSS is what is resident, VmHWM the most that ever was (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1e3


def measure(folder: Path, member_mb: float, n_members: int) -> dict[str, float]:
    """Peak memory of predicting one slice with the first members of a run, above that of having the model."""
    model = network(member_mb)
    image = torch.zeros(1, 128, 128)
    CheckpointEnsemble([model]).predict(image)  # loads and compiles whatever is needed
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = status_mb("VmRSS")
    started = time.perf_counter()
    prediction = CheckpointEnsemble.from_run(folder, model, epochs=range(n_members)).predict(image)
    seconds = time.perf_counter() - started
    return {"n_members": prediction.n_members, "extra_mb": status_mb("VmHWM") - before, "seconds": seconds}


def measure_in_fresh_process(folder: Path, member_mb: float, n_members: int) -> dict[str, float]:
    """The same, with nothing left over from other measurements."""
    command = [sys.executable, __file__, "--measure", str(folder), "--member-mb", str(member_mb)]
    done = subprocess.run([*command, "--members", str(n_members)], check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def compare(member_mb: float, counts: list[int], folder: Path) -> list[dict[str, float]]:
    """Measure ensembles of several sizes from one run."""
    write_run(folder, member_mb, max(counts))
    return [measure_in_fresh_process(folder, member_mb, n) for n in counts]


def main() -> None:
    """Measure, write the result, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--member-mb", type=float, default=100.0, help="size of one member's weights")
    parser.add_argument("--members", type=int, nargs="+", default=[2, 20], help="sizes of the ensembles")
    parser.add_argument(
        "--measure", type=Path, metavar="RUN", help="only measure this run folder; prints JSON"
    )
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.member_mb, arguments.members[0])))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(arguments.member_mb, arguments.members, Path(folder) / "run")
    where = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "versions": versions()}
    result = {"member_mb": arguments.member_mb, **where, "ensembles": rows}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for row in rows:
        print(
            f"{row['n_members']:3d} members: {row['extra_mb']:7.1f} MB beside the model, "
            f"{row['seconds']:.1f} s"
        )


if __name__ == "__main__":
    main()
