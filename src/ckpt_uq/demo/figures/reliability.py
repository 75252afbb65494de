"""Reliability diagrams of ensemble and best single checkpoint, over how many voxels each bin holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ckpt_uq.calibration.bins import CalibrationBins
from ckpt_uq.demo.figures.style import ENSEMBLE, QUIET, SINGLE, drawn

FEWEST = 50  # voxels: the accuracy of fewer is noise

Pair = tuple[CalibrationBins, CalibrationBins]


def draw_reliability(path: Path, scopes: Mapping[str, Pair]) -> None:
    """Draw one diagram a scope; a scope has the bins of the ensemble and of the best single checkpoint.

    Bins of fewer than `FEWEST` voxels have no dot.
    """
    with drawn(path, 4.4 * len(scopes), 5.2) as figure:
        diagrams, counts = figure.subplots(
            2, len(scopes), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1]
        )
        for diagram, count, (title, pair) in zip(diagrams, counts, scopes.items(), strict=True):
            _draw_diagram(diagram, title, pair)
            _draw_counts(count, pair)
        diagrams[0].set_ylabel("accuracy")
        counts[0].set_ylabel("voxels")


def _draw_diagram(axes: Axes, title: str, pair: Pair) -> None:
    axes.grid()
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    for bins, colour, marker, name in _looks(pair):
        points = bins.reliability()
        filled = points.count >= FEWEST
        label = f"{name}, ECE {100 * bins.ece():.2f} %"
        axes.plot(
            points.confidence[filled],
            points.accuracy[filled],
            marker,
            color=colour,
            markersize=5,
            label=label,
        )
    axes.set(title=title, xlim=(0, 1.01), ylim=(0, 1.01))
    axes.legend(loc="upper left", fontsize=9)


def _draw_counts(axes: Axes, pair: Pair) -> None:
    axes.grid(axis="y")
    for bins, colour, _, _ in _looks(pair):
        counts = np.maximum(bins.reliability().count, 0.5)
        axes.stairs(counts, bins.edges, color=colour, linewidth=1.4)
    axes.set(xlabel="confidence", yscale="log", ylim=(0.8, None))


def _looks(pair: Pair) -> list[tuple[CalibrationBins, str, str, str]]:
    ensemble, single = pair
    return [(single, SINGLE, "s-", "best single checkpoint"), (ensemble, ENSEMBLE, "o-", "ensemble")]
