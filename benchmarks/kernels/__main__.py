"""Time, memory and accuracy of the kernels beside those of others, on this machine.

Writes benchmarks/results/kernels_*.json, of which page.py makes docs/benchmarks.md.
Run with ``make bench-kernels``, or with ``python benchmarks/kernels`` in an environment that has the peers;
``--parts`` and ``--tasks`` choose, ``--quick`` takes small arrays. The part ``instructions`` needs Linux on
x86-64, where it executes our ways one instruction at a time, and objdump of binutils to read them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import record
from case import GRID, KEPT, N_CLASSES
from processor import peak_here
from resident import meminfo_gb
from worker import FLOOR, find, in_fresh_process

HERE = Path(__file__).parent
TASKS = ("entropy", "contour", "calibration", "class_calibration", "dice", "analysis", "moments")
PARTS = ("tasks", "scaling", "first_call", "billion", "instructions")
AGAIN = "memory"
SCALED = {"entropy": "ckpt_uq, out=", "calibration": "ckpt_uq", "analysis": "ckpt_uq.analyze, out="}

ONCE = 2**24
"""Voxels that are made; more are copies."""
MOMENTS, STACKED = "ckpt_uq, update_many", "torch, stacked"


class Size:
    """How much is measured."""

    def __init__(self, name: str) -> None:
        quick, full = name == "quick", name == "full"
        self.name = name
        self.grid = (8, 128, 128) if quick else GRID
        self.moments_grid = self.grid if quick else (16, 512, 512)  # nine members of it
        self.rounds = 3 if quick else 7
        self.budget = 1.0 if quick else 3.0
        powers = range(16, 19) if quick else range(20, 29 if full else 27, 2)
        self.voxels = [2**power for power in powers]
        self.classes = [2, 4, 8] if quick else [2, 4, 8, 32, 128]
        self.class_numbers = 2**20 if quick else 2**26  # C times voxels
        self.members = [1, 2, 4] if quick else [1, 4, 16, 32]
        self.member_grid = (4, 64, 64) if quick else (16, 256, 256)
        self.billion = 10**7 if quick else 10**9
        self.instructions = 200_000 if quick else 1_000_000

    def grid_of(self, task: str) -> tuple[int, ...]:
        """On how many voxels a task is measured."""
        return self.moments_grid if task == "moments" else self.grid


def tasks(size: Size, names: list[str], threads: list[int]) -> dict[str, Any]:
    """Every task, each way, with every number of threads; memory with the largest number, computing alone."""
    found: dict[str, Any] = {"grid": list(size.grid), "n_classes": N_CLASSES, "size": size.name}
    found["rates_gb_s"] = {n: in_fresh_process("rates", n, rounds=size.rounds) for n in threads}
    found["tasks"] = {}
    for name in names:
        timed, case = {}, {"grid": size.grid_of(name)}
        for n in threads:
            say(f"{name}, {n} thread{'s' * (n > 1)}")
            timed[str(n)] = in_fresh_process(
                "times", n, task=name, case=case, rounds=size.rounds, budget=size.budget
            )
        say(f"{name}, computing alone")
        computing = {
            str(n): in_fresh_process("computing", 1, task=name, case=case, at_once=n) for n in threads
        }
        memory = {way: peak(name, way, case, threads[-1]) for way in find(name).ways}
        own = {} if case["grid"] == size.grid else {"grid": list(case["grid"])}
        found["tasks"][name] = {**own, "threads": timed, "computing_ms": computing, "extra_mb": memory}
    return found


def memory(size: Size, names: list[str], threads: list[int]) -> dict[str, Any]:
    """Extra memory again, of what was timed before."""
    again = {
        name: {way: peak(name, way, {"grid": size.grid_of(name)}, threads[-1]) for way in find(name).ways}
        for name in names
    }
    found = record.read("kernels_tasks")
    if found is None:
        raise SystemExit("there is no kernels_tasks.json to complete; measure --parts tasks first")
    for name, extra in again.items():
        found["tasks"][name]["extra_mb"] = extra
    return {key: found[key] for key in ("grid", "n_classes", "size", "rates_gb_s", "tasks")}


def peak(task: str, way: str, case: dict[str, Any], threads: int) -> float:
    """Extra memory of one way."""
    say(f"{task}, memory of {way}")
    extra: float = in_fresh_process("peak", threads, task=task, way=way, case=case)
    return extra


def scaling(size: Size, names: list[str], threads: list[int]) -> dict[str, Any]:
    """Time against voxels, classes and members, with the largest number of threads."""
    found: dict[str, Any] = {"n_classes": N_CLASSES, "size": size.name, "threads": threads[-1]}
    found["class_numbers"] = size.class_numbers
    for axis in ("voxels", "classes"):
        found[axis] = {}
        for name, way in SCALED.items():
            if name in names:
                found[axis][name] = {"way": way, "points": points(size, axis, name, way, threads[-1])}
    if "moments" in names:
        found["members"] = [members(size, n, threads[-1]) for n in size.members]
    return found


def points(size: Size, axis: str, task: str, way: str, threads: int) -> list[dict[str, Any]]:
    """One line of a plot."""
    line = []
    for value in size.voxels if axis == "voxels" else size.classes:
        classes = value if axis == "classes" else N_CLASSES
        voxels = value if axis == "voxels" else size.class_numbers // value
        if 4 * (classes + 4) * voxels > 0.8e9 * meminfo_gb("MemAvailable"):
            say(f"{task}: {value} {axis} need more memory than there is")
            continue
        say(f"{task}, {value} {axis}")
        copies = max(1, voxels // ONCE)
        case = {"grid": (voxels // 2**12, 64, 64), "n_classes": classes, "copies": copies}
        options = {"rounds": min(5, size.rounds), "budget": size.budget / 2, "ways": [way], "check": False}
        ways = in_fresh_process("times", threads, task=task, case=case, **options)["ways"]
        line.append({axis: value, "median_ms": ways[way]["median_ms"], "floor_ms": ways[FLOOR]["median_ms"]})
    return line


def members(size: Size, n: int, threads: int) -> dict[str, Any]:
    """Time and memory of an ensemble of n members, every way."""
    say(f"moments, {n} members")
    case = {"grid": size.member_grid, "n_members": n}
    options = {"rounds": min(5, size.rounds), "budget": size.budget / 2, "check": False}
    found = in_fresh_process("times", threads, task="moments", case=case, **options)
    extra = {way: peak("moments", way, case, threads) for way in (MOMENTS, STACKED)}
    median = {way: value["median_ms"] for way, value in found["ways"].items()}
    return {"n_members": n, "grid": list(size.member_grid), "median_ms": median, "extra_mb": extra}


def first_call(size: Size, names: list[str], threads: list[int]) -> dict[str, Any]:
    """Seconds of the first call: with an empty cache of machine code, and in the next process."""
    found = {}
    for name in names:
        way = next(iter(find(name).ours))
        with tempfile.TemporaryDirectory() as cache:
            env = {"NUMBA_CACHE_DIR": cache}
            say(f"{name}, first call")
            runs = [in_fresh_process("first_call", threads[-1], env, task=name, way=way) for _ in range(2)]
        found[name] = {"way": way, "cold": runs[0], "warm": runs[1]}
    return {"tasks": found, "size": size.name}


def billion(size: Size, names: list[str], threads: list[int]) -> dict[str, Any]:
    """Calibration of 10**9 voxels, block after block."""
    say(f"calibration of {size.billion:,} voxels")
    done = subprocess.run(
        [sys.executable, str(HERE / "billion.py"), str(size.billion)],
        env={**os.environ, "NUMBA_NUM_THREADS": str(threads[-1])},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "size": size.name, "threads": threads[-1]}


def instructions(size: Size, names: list[str], threads: list[int]) -> dict[str, Any]:
    """What our first ways execute for a voxel, one instruction after the other on one thread."""
    found = {}
    for name in names:
        say(f"{name}, instructions")
        case = {"grid": size.grid_of(name)}
        found[name] = in_fresh_process("instructions", 1, task=name, case=case, budget=size.instructions)
    return {"size": size.name, "at_most": asdict(most) if (most := peak_here()) else None, "tasks": found}


def with_earlier(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Keep what an earlier run of the same size measured of tasks that this one did not."""
    earlier = record.read(name)
    if earlier is None or any(earlier.get(key) != found.get(key) for key in ("size", "grid", "threads")):
        return found
    return {
        key: {**earlier.get(key, {}), **value} if key in ("tasks", "voxels", "classes") else value
        for key, value in {**{k: earlier[k] for k in ("members",) if k in earlier}, **found}.items()
    }


def say(what: str) -> None:
    """Tell how far it is."""
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=(*PARTS, AGAIN), default=PARTS)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quick", dest="size", action="store_const", const="quick", help="seconds a task")
    amount.add_argument("--full", dest="size", action="store_const", const="full", help="up to 2**28 voxels")
    arguments = parser.parse_args()
    size = Size(arguments.size or "normal")
    with tempfile.TemporaryDirectory() as folder:
        os.environ[KEPT] = folder
        measure(size, arguments)


def measure(size: Size, arguments: argparse.Namespace) -> None:
    """Part after part."""
    for part in arguments.parts:
        found = globals()[part](size, list(arguments.tasks), sorted(arguments.threads))
        part = "tasks" if part == AGAIN else part
        name = f"kernels_{part}" if size.name != "quick" else f"quick_{part}"
        print(record.write(name, found if part == "billion" else with_earlier(name, found)))


if __name__ == "__main__":
    main()
