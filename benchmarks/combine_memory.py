"""Peak memory and time of combining saved probabilities, beside loading them all.

Three and nine members of 4 classes on 64 x 512 x 512 voxels, as nnU-Net saves them, each measured in a fresh
process. Writes benchmarks/results/combine_memory.json. Run with ``python benchmarks/combine_memory.py``;
``--grid`` and ``--members`` make it smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np

from ckpt_uq.combining.cohort import combine_cohort
from ckpt_uq.maps import predictive_entropy

RESULT = Path(__file__).parent / "results" / "combine_memory.json"
N_CLASSES = 4


def write_members(folder: Path, n_members: int, grid: tuple[int, ...]) -> None:
    """One case of ``n_members``: nested balls of the classes, whose size and sharpness differ by member."""
    axes = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in grid)]
    radius = np.sqrt(sum(axis**2 for axis in axes)).astype(np.float32)
    for index in range(n_members):
        rng = np.random.default_rng(index)
        edges = np.array([0.9, 0.6, 0.3]) + rng.normal(0, 0.03, 3)
        inside = [1 / (1 + np.exp((radius - edge) * rng.uniform(40, 80))) for edge in edges]
        probs = np.stack([1 - inside[0], inside[0] - inside[1], inside[1] - inside[2], inside[2]]).clip(0)
        probs = (probs / probs.sum(0)).astype(np.float32)
        member = folder / f"member_{index}"
        member.mkdir(parents=True)
        np.savez_compressed(member / "case.npz", probabilities=probs)
        affine = np.diag([0.78, 0.78, 3.0, 1.0])
        nib.Nifti1Image(probs.argmax(0).astype(np.uint8).T, affine).to_filename(member / "case.nii.gz")


def peak_mb() -> float:
    """The most memory this process ever had resident (Linux); getrusage would count the parent's too."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1e3


def streamed(members: list[Path]) -> None:
    """Combine as the command does."""
    with tempfile.TemporaryDirectory() as out:
        outcome = combine_cohort(members, out)
    if outcome.failed:
        raise SystemExit(str(outcome.failed))


def loaded(members: list[Path]) -> None:
    """Load everything, average, take the entropies; writes nothing."""
    probs = np.stack([np.load(member / "case.npz")["probabilities"] for member in members])
    total = predictive_entropy(probs.mean(0))
    own = np.mean([predictive_entropy(of_member) for of_member in probs], axis=0)
    if not np.isfinite(total - own).all():
        raise SystemExit("not finite")


WAYS: dict[str, Callable[[list[Path]], None]] = {"streamed": streamed, "loaded": loaded}


def measure(folder: Path, n_members: int, way: str) -> dict[str, object]:
    """Peak memory above that of a process which has combined something tiny before."""
    with tempfile.TemporaryDirectory() as tiny:
        write_members(Path(tiny), 2, (4, 8, 8))
        WAYS[way](sorted(Path(tiny).iterdir()))
    before, started = peak_mb(), time.perf_counter()
    WAYS[way](sorted(folder.iterdir())[:n_members])
    seconds = time.perf_counter() - started
    return {
        "way": way,
        "n_members": n_members,
        "extra_mb": round(peak_mb() - before, 1),
        "seconds": round(seconds, 1),
        "load_average": round(os.getloadavg()[0], 1),  # seconds mean little where others were at work
    }


def measure_in_fresh_process(folder: Path, n_members: int, way: str) -> dict[str, object]:
    """The same, with nothing left over from other measurements."""
    command = [sys.executable, __file__, "--measure", str(folder), "--members", str(n_members), "--way", way]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def compare(
    grid: tuple[int, ...], counts: list[int], ways: list[str], folder: Path
) -> list[dict[str, object]]:
    """Measure several numbers of members, in several ways."""
    write_members(folder, max(counts), grid)
    return [measure_in_fresh_process(folder, n, way) for way in ways for n in counts]


def main() -> None:
    """Measure, write the result, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=int, nargs=3, default=[64, 512, 512], metavar=("Z", "Y", "X"))
    parser.add_argument("--members", type=int, nargs="+", default=[3, 9], help="numbers of members")
    parser.add_argument(
        "--measure", type=Path, metavar="FOLDER", help="only measure this folder; prints JSON"
    )
    parser.add_argument("--way", choices=list(WAYS), default="streamed")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.members[0], arguments.way)))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(tuple(arguments.grid), arguments.members, list(WAYS), Path(folder))
    result = {
        "shape": [N_CLASSES, *arguments.grid],
        "machine": {
            "cpus": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in ("numpy", "torch", "nibabel", "numba")},
        "runs": rows,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for row in rows:
        print(f"{row['way']:9} {row['n_members']} members: {row['extra_mb']:7.1f} MB, {row['seconds']:.1f} s")


if __name__ == "__main__":
    main()
