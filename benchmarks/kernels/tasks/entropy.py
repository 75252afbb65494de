"""Entropy over the classes, in bits, of every voxel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from task import Array, Task, largest_difference


def ours_out(case: Case) -> Callable[[], Any]:
    from ckpt_uq.maps import predictive_entropy

    probs, out = case.probs, case.entropy
    return lambda: predictive_entropy(probs, out=out)


def ours(case: Case) -> Callable[[], Any]:
    from ckpt_uq.maps import predictive_entropy

    return lambda: predictive_entropy(case.probs)


def scipy(case: Case) -> Callable[[], Any]:
    from scipy.stats import entropy

    return lambda: entropy(case.probs, base=2, axis=0)


def numpy(case: Case) -> Callable[[], Any]:
    p = case.probs

    def run() -> Array:
        bits = np.log2(p, out=np.zeros_like(p), where=p > 0)
        bits *= p
        return -bits.sum(0)

    return run


def numexpr(case: Case) -> Callable[[], Any]:
    import numexpr

    planes = {f"p{k}": plane for k, plane in enumerate(case.probs)}
    terms = (f"where({name} > 0, {name} * log({name}), 0)" for name in planes)
    formula = f"({' + '.join(terms)}) * {-1 / math.log(2)}"
    out = case.entropy
    return lambda: numexpr.evaluate(formula, planes, out=out, casting="same_kind")


def opencv(case: Case) -> Callable[[], Any]:
    import cv2

    shape = case.grid
    planes = [plane.reshape(-1, shape[-1]) for plane in case.probs]

    def run() -> Array:
        total = np.zeros_like(planes[0])
        for plane in planes:
            bits = cv2.log(cv2.max(plane, float(np.finfo(np.float32).tiny)))
            cv2.accumulateProduct(plane, bits, total)
        total *= -1 / math.log(2)
        return total.reshape(shape)

    return run


def torch_eager(case: Case) -> Callable[[], Any]:
    import torch

    probs = torch.from_numpy(case.probs)
    return lambda: torch.special.entr(probs).sum(0).mul_(1 / math.log(2))


def torch_compiled(case: Case) -> Callable[[], Any]:
    import torch

    probs = torch.from_numpy(case.probs)
    compiled = torch.compile(lambda p: torch.special.entr(p).sum(0) * (1 / math.log(2)))
    return lambda: compiled(probs)


def torch_uncertainty(case: Case) -> Callable[[], Any]:
    import torch
    from torch_uncertainty.metrics.classification import Entropy

    rows = torch.from_numpy(case.probs).reshape(case.n_classes, -1).T

    def run() -> Any:
        metric = Entropy(reduction="none")
        metric.update(rows)
        return metric.compute().reshape(case.grid).mul_(1 / math.log(2))

    return run


def truth(case: Case) -> Array:
    bits = np.zeros(case.grid)
    for plane in case.probs:
        p = plane.astype(np.float64)
        bits -= p * np.log2(p, out=np.zeros_like(p), where=p > 0)
    return bits


TASK = Task(
    ours={"ckpt_uq, out=": ours_out, "ckpt_uq": ours},
    peers={
        "scipy.stats.entropy": scipy,
        "NumPy": numpy,
        "numexpr, out=": numexpr,
        "OpenCV": opencv,
        "torch": torch_eager,
        "torch.compile": torch_compiled,
        "torch-uncertainty": torch_uncertainty,
    },
    truth=truth,
    difference=largest_difference,
    floor=lambda case: ([case.probs], [case.entropy]),
)
