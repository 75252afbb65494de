"""One measurement in a process of its own, so that threads and memory are its own. Prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bandwidth import BYTES, Stream, n_threads
from case import Case
from computing import computing_ms
from instructions import counted
from resident import peak_extra_mb
from stopwatch import interleaved, load_average, timed
from task import Task

FLOOR = "floor"
TINY = (4, 16, 16)


def find(name: str) -> Task:
    """The task of a file in tasks/."""
    task: Task = import_module(f"tasks.{name}").TASK
    return task


def in_fresh_process(job: str, threads: int, env: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Run a job of this file elsewhere, with a number of threads, and give back what it found."""
    limits = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    command = [sys.executable, "-W", "ignore", __file__, job, json.dumps(options)]
    done = subprocess.run(
        command,
        # Passive: threads that spin while they wait would hurt torch most where others are at work too.
        env={
            **os.environ,
            **dict.fromkeys(limits, str(threads)),
            "OMP_WAIT_POLICY": "PASSIVE",
            **(env or {}),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{job} {options} ended with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def rates(rounds: int) -> dict[str, float]:
    """Gigabytes a second that the machine reads, copies (counting what is read) and fills."""
    import numpy as np

    stream = Stream()
    source, target = np.ones(BYTES // 4, np.float32), np.ones(BYTES // 4, np.float32)
    ways = {
        "read": lambda: stream.read(source),
        "copy": lambda: stream.copy(source, target),
        "fill": lambda: stream.fill(target),
    }
    for run in ways.values():
        run()
    found = interleaved(ways, rounds, budget=60)
    return {name: round(BYTES / 1e6 / value["median_ms"], 2) for name, value in found.items()}


def times(
    task: str,
    case: dict[str, Any],
    rounds: int,
    budget: float,
    ways: list[str] | None = None,
    check: bool = True,
) -> dict[str, Any]:
    """Time of every way and of the floor; and how far each way is from right."""
    job, on = find(task), Case(**case)
    stream, (read, written) = Stream(), job.floor(on)
    calls = {name: make(on) for name, make in job.ways.items() if ways is None or name in ways}
    differences = checked(job, on, calls) if check else {}
    if not check:
        for run in calls.values():
            run()

    def floor() -> None:
        stream.read(*read)
        stream.fill(*written)

    floor()
    found = interleaved({FLOOR: floor, **calls}, rounds, budget)
    for name, difference in differences.items():
        found[name]["difference"] = difference
    found[FLOOR]["bytes"] = sum(array.nbytes for array in (*read, *written))
    return {"ways": found, "load_average": load_average()}


def checked(job: Task, case: Case, calls: dict[str, Any]) -> dict[str, float]:
    """How far every way is from right; its first call, which does not count."""
    truth = job.truth(case)
    return {name: job.difference(run(), truth) for name, run in calls.items()}


def peak(task: str, way: str, case: dict[str, Any]) -> float:
    """Extra memory of one call, after another on something tiny has loaded and compiled what is needed."""
    make = find(task).ways[way]
    make(Case(**{**case, "grid": TINY}))()
    on = Case(**case)
    find(task).floor(on)  # what the call is given is made before
    return peak_extra_mb(make(on))


def computing(task: str, case: dict[str, Any], at_once: int) -> float:
    """Milliseconds of our first way apart from memory, on so many threads, each with voxels of its own."""
    return computing_ms(next(iter(find(task).ours.values())), Case(**case), at_once)


def instructions(task: str, case: dict[str, Any], budget: int) -> dict[str, Any]:
    """What the compiled loops of our first way execute for a voxel."""
    name, way = next(iter(find(task).ours.items()))
    return {"way": name, **counted(way, Case(**case), budget)}


def first_call(task: str, way: str) -> dict[str, float]:
    """Seconds of importing and of the first call on something tiny, and of the second."""
    started = time.perf_counter()
    run = find(task).ways[way](Case(grid=TINY))
    prepared = time.perf_counter() - started
    return {"prepare_s": round(prepared, 3), "first_s": round(timed(run), 3), "second_s": timed(run)}


def main() -> None:
    """Do one job."""
    warnings.simplefilter("ignore")  # of peers, which are as they are
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["rates", "times", "peak", "computing", "instructions", "first_call"])
    parser.add_argument("options", type=json.loads)
    arguments = parser.parse_args()
    if "torch" in sys.modules or arguments.job != "rates":
        import torch

        torch.set_num_threads(n_threads())
    try:
        import cv2
    except ImportError:
        pass
    else:
        cv2.setNumThreads(n_threads())
    print(json.dumps(globals()[arguments.job](**arguments.options)))


if __name__ == "__main__":
    main()
