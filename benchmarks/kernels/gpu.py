"""The loops on a graphics processor beside torch, and beside what the processor's memory can do.

Writes benchmarks/results/kernels_cuda.json. Run with ``make bench-gpu``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest import mock

import record
import torch
from case import GRID, Case
from tasks.contour import cross

from ckpt_uq import moments
from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.evaluation.dice import dice_per_class
from ckpt_uq.kernels import on_device_counts
from ckpt_uq.kernels.contour import contour_sizes
from ckpt_uq.kernels.gpu import launch
from ckpt_uq.maps import predictive_entropy

ROUNDS = 20

Run = Callable[[], Any]


def milliseconds(runs: dict[str, Run]) -> dict[str, float]:
    """Medians of interleaved calls, each until the processor has finished."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(ROUNDS + 2):  # two that do not count
        for name, run in runs.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            end.record()
            end.synchronize()
            if index > 1:
                seconds[name].append(start.elapsed_time(end))
    return {name: round(median(values), 4) for name, values in seconds.items()}


def with_torch(run: Run) -> Run:
    """The same without Triton's loops."""

    def slow() -> Any:
        with mock.patch.object(launch, "_has_triton", return_value=False):
            return run()

    return slow


def tasks(case: Case) -> dict[str, tuple[Run, int, Any, Any]]:
    """Calls of ours, the bytes that have to move, what they give there, and what they give on the host."""
    probs, labels = (torch.from_numpy(array).cuda() for array in (case.probs, case.labels))
    guess, logits = (torch.from_numpy(array).cuda() for array in (case.segmentation, case.logits[0]))
    out = torch.empty(case.grid, device="cuda")
    mask, m = guess == 1, moments.init(case.n_classes, case.grid, device="cuda")

    def calibration(p: Any, truth: Any) -> float:
        bins = CalibrationBins()
        bins.update(p, truth)
        return bins.ece()

    host = moments.init(case.n_classes, case.grid)
    moments.update(host, torch.from_numpy(case.logits[0]))
    calls: dict[str, tuple[Run, int, Run, Any]] = {
        "entropy": (
            lambda: predictive_entropy(probs, out=out),
            probs.nbytes + out.nbytes,
            lambda: out.cpu(),
            torch.from_numpy(predictive_entropy(case.probs)),
        ),
        "calibration": (
            lambda: calibration(probs, labels),
            probs.nbytes + labels.nbytes,
            lambda: torch.tensor(calibration(probs, labels)),
            torch.tensor(calibration(case.probs, case.labels)),
        ),
        "contour": (
            lambda: on_device_counts.contour_sizes(mask, cross()),
            mask.nbytes,
            lambda: torch.from_numpy(on_device_counts.contour_sizes(mask, cross())),
            torch.from_numpy(contour_sizes(case.segmentation == 1, cross())),
        ),
        "dice": (
            lambda: dice_per_class(guess, labels, case.n_classes),
            guess.nbytes + labels.nbytes,
            lambda: torch.from_numpy(dice_per_class(guess, labels, case.n_classes)),
            torch.from_numpy(dice_per_class(case.segmentation, case.labels, case.n_classes)),
        ),
        "moments": (
            lambda: moments.update(m, logits),
            3 * logits.nbytes + 2 * out.nbytes,
            lambda: m.mean_prob.cpu(),
            host.mean_prob,
        ),
    }
    return calls


def copy_rate(n_bytes: int = 1 << 30) -> float:
    """Gigabytes a second, those read and those written."""
    source, target = (torch.ones(n_bytes, dtype=torch.uint8, device="cuda") for _ in range(2))
    return 2 * n_bytes / 1e6 / milliseconds({"copy": lambda: target.copy_(source)})["copy"]


def main() -> None:
    """Measure and write."""
    if not torch.cuda.is_available() or not launch.usable(torch.zeros(1, device="cuda")):
        raise SystemExit("Triton, or a processor that it compiles for, is missing")
    case, rate = Case(), copy_rate()
    found: dict[str, Any] = {}
    for name, (run, n_bytes, there, here) in tasks(case).items():
        times = milliseconds({"triton": run, "torch": with_torch(run)})
        difference = float((there().double() - here.double()).abs().max())
        floor = n_bytes / 1e6 / rate
        found[name] = {"floor_ms": round(floor, 4), **times, "difference": difference}
        print(name, found[name])
    properties = torch.cuda.get_device_properties(0)
    device = {
        "name": properties.name,
        "memory_gb": round(properties.total_memory / 1e9, 1),
        "cuda": torch.version.cuda,
        "copy_gb_s": round(rate, 1),
        "entropy_bound_bits": 2**-21 * max(1, math.log2(case.n_classes)),
    }
    print(record.write("kernels_cuda", {"device": device, "grid": GRID, "tasks": found}))


if __name__ == "__main__":
    main()
