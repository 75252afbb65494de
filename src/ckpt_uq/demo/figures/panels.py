"""Image, truth, prediction, entropy and mutual information of a few test cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.figures.style import drawn
from ckpt_uq.demo.scoring import FOREGROUND, CaseScores
from ckpt_uq.prediction import Prediction
from ckpt_uq.report.colours import class_colour, entropy_table, mutual_information_table

TITLES = ("image", "truth", "prediction", "entropy", "mutual information")
MARGIN = 0.35  # of the foreground's extent, shown around it


@dataclass(frozen=True)
class Shown:
    """A case as the figure needs it."""

    case: Case
    prediction: Prediction
    scores: CaseScores


def draw_panels(
    path: Path, cases: Sequence[Shown], classes: Sequence[str], window: tuple[float, float] | None
) -> None:
    """Draw the most uncertain case, the middle one and the surest, each in its most telling slice."""
    rows = spread(cases)
    with drawn(path, 10.5, 0.5 + 2.1 * len(rows)) as figure:
        grid = figure.subplots(len(rows), 5, squeeze=False)
        tops = [_top(rows, "predictive_entropy"), _top(rows, "mutual_information")]
        for axes, (label, shown) in zip(grid, rows.items(), strict=True):
            _draw_row(axes, label, shown, window, tops)
        for axes, title in zip(
            grid[0], ("image", "truth", "prediction", "entropy", "mutual information"), strict=True
        ):
            axes.set_title(title, loc="center")
        for column, label in ((3, "bits"), (4, "bits")):
            figure.colorbar(
                grid[-1, column].images[0], ax=grid[:, column], location="bottom", label=label, aspect=12
            )
        _legend(figure, grid, classes)


def spread(cases: Sequence[Shown]) -> dict[str, Shown]:
    """The most uncertain case, the one in the middle and the surest, of those that have a score."""
    known = [shown for shown in cases if not math.isnan(shown.scores.contour_score[FOREGROUND])]
    known.sort(key=lambda shown: -shown.scores.contour_score[FOREGROUND])
    picked = {"most uncertain": 0, "in the middle": len(known) // 2, "surest": len(known) - 1}
    return {label: known[at] for label, at in picked.items()} if known else {}


def _draw_row(
    axes: Sequence[Axes],
    label: str,
    shown: Shown,
    window: tuple[float, float] | None,
    tops: Sequence[float],
) -> None:
    at = _slice_and_box(shown)
    image = shown.case.image[at]
    low, high = window or np.percentile(image, (1, 99))
    for ax in axes[:3]:
        ax.imshow(image, cmap="gray", vmin=low, vmax=high)
    _paint(axes[1], shown.case.labels[at])
    if shown.case.raters is not None:
        _outline_raters(axes[1], shown.case.raters[(slice(None), *at)])
    _paint(axes[2], shown.prediction.segmentation[at])
    maps = (shown.prediction.predictive_entropy, shown.prediction.mutual_information)
    for ax, bits, table, top in zip(
        axes[3:], maps, (entropy_table(), mutual_information_table()), tops, strict=True
    ):
        ax.imshow(bits[at], cmap=ListedColormap(table / 255), vmin=0, vmax=top)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    scores = shown.scores
    said = f"Dice {scores.dice_mean:.2f}, score {scores.contour_score[FOREGROUND]:.2f}"
    axes[0].set_ylabel(f"{label}\n{said}", fontsize=9)


def _slice_and_box(shown: Shown) -> tuple[Any, ...]:
    """The slice with most foreground in truth and prediction, cut to where any slice has some."""
    foreground = (shown.case.labels > 0) | (shown.prediction.segmentation > 0)
    index = int(foreground.sum(axis=(1, 2)).argmax())
    return (index, *(_extent(foreground.any(axis=(0, axis))) for axis in (2, 1)))


def _extent(present: npt.NDArray[np.bool_]) -> slice:
    if not present.any():
        return slice(None)
    first, last = np.flatnonzero(present)[[0, -1]]
    margin = math.ceil(MARGIN * (last - first + 1))
    return slice(max(0, first - margin), last + margin + 1)


def _paint(axes: Axes, labels: npt.NDArray[np.uint8]) -> None:
    for label in np.unique(labels[labels > 0]):
        colour = class_colour(int(label))
        mask = np.ma.masked_not_equal(labels, label)
        axes.imshow(mask, cmap=ListedColormap([colour]), alpha=0.45)
        axes.contour(labels == label, levels=[0.5], colors=[colour], linewidths=1.2)


def _outline_raters(axes: Axes, raters: npt.NDArray[np.uint8]) -> None:
    for one in raters:
        for label in np.unique(one[one > 0]):
            axes.contour(one == label, levels=[0.5], colors=["white"], linewidths=0.5)


def _top(rows: dict[str, Shown], name: str) -> float:
    """The end of a map's colour scale, shared by the rows."""
    return max(float(np.percentile(getattr(shown.prediction, name), 99.9)) for shown in rows.values())


def _legend(figure: Figure, grid: npt.NDArray[Any], classes: Sequence[str]) -> None:
    handles = [
        Patch(color=class_colour(label), alpha=0.8, label=name) for label, name in enumerate(classes, 1)
    ]
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), bbox_to_anchor=(0.2, 0.0))
