"""Image, truth, prediction, entropy and mutual information of a few test cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.datasets import DataSet
from ckpt_uq.demo.figures.style import drawn
from ckpt_uq.demo.scoring import CaseScores
from ckpt_uq.prediction import Prediction
from ckpt_uq.report.colours import class_colour, entropy_table, mutual_information_table

TITLES = ("image", "truth", "prediction", "entropy", "mutual information")
MAPS = {3: ("predictive_entropy", entropy_table), 4: ("mutual_information", mutual_information_table)}
MARGIN = 1.25  # of the foreground's extent is shown

Box = tuple[int, slice, slice]


@dataclass(frozen=True)
class Shown:
    """A case as the figure needs it."""

    case: Case
    prediction: Prediction
    scores: CaseScores


def draw_panels(path: Path, cases: Sequence[Shown], dataset: DataSet) -> None:
    """Draw the most uncertain case, the middle one and the surest, each in its most telling slice.

    White lines in the truth are the annotators' outlines, where there are any.
    """
    rows = spread(cases, dataset.subject)
    tops = {column: _top(rows, name) for column, (name, _) in MAPS.items()}
    with drawn(path, 10.6, 1.0 + 2.0 * len(rows)) as figure:
        grid = figure.add_gridspec(len(rows) + 1, 5, height_ratios=[*[1.0] * len(rows), 0.06])
        for row, (label, shown) in enumerate(rows.items()):
            axes = [figure.add_subplot(grid[row, column]) for column in range(5)]
            _draw_row(axes, shown, dataset, tops)
            axes[0].set_ylabel(f"{label}\n{_said(shown.scores, dataset.subject)}", fontsize=9)
            if row == 0:
                for ax, title in zip(axes, TITLES, strict=True):
                    ax.set_title(title, loc="center")
        for column in MAPS:
            bar = figure.add_subplot(grid[-1, column])
            figure.colorbar(axes[column].images[0], cax=bar, orientation="horizontal", label="bits")
        legend = figure.add_subplot(grid[-1, :3])
        legend.axis("off")
        legend.legend(handles=_patches(dataset.classes), loc="center", ncols=len(dataset.classes))


def spread(cases: Sequence[Shown], subject: str) -> dict[str, Shown]:
    """The most uncertain case, the one in the middle and the surest, of those that have a score."""
    known = [shown for shown in cases if not math.isnan(shown.scores.contour_score[subject])] or list(cases)
    known.sort(key=lambda shown: -shown.scores.contour_score[subject])
    picked = {"most uncertain": 0, "in the middle": len(known) // 2, "surest": len(known) - 1}
    return {label: known[at] for label, at in picked.items()}


def _said(scores: CaseScores, subject: str) -> str:
    return f"{subject} score {scores.contour_score[subject]:.2f}\nDice {scores.dice_of(subject):.2f}"


def _draw_row(axes: Sequence[Axes], shown: Shown, dataset: DataSet, tops: Mapping[int, float]) -> None:
    at = _slice_and_box(shown)
    image = shown.case.image[at]
    low, high = dataset.window or np.percentile(image, (1, 99))
    for ax in axes[:3]:
        ax.imshow(image, cmap="gray", vmin=low, vmax=high)
    _paint(axes[1], shown.case.labels[at])
    if shown.case.raters is not None:
        _outline(axes[1], shown.case.raters[(slice(None), *at)])
    _paint(axes[2], shown.prediction.segmentation[at])
    for column, (name, table) in MAPS.items():
        bits = getattr(shown.prediction, name)[at]
        axes[column].imshow(bits, cmap=ListedColormap(table() / 255), vmin=0, vmax=tops[column])
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)


def _slice_and_box(shown: Shown) -> Box:
    """The slice with most foreground in truth and prediction, cut to a square around it."""
    foreground = (shown.case.labels > 0) | (shown.prediction.segmentation > 0)
    index = int(foreground.sum(axis=(1, 2)).argmax())
    rows, columns = (np.flatnonzero(foreground[index].any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return index, slice(None), slice(None)
    side = math.ceil(MARGIN * max(np.ptp(rows) + 1, np.ptp(columns) + 1))
    height, width = foreground.shape[1:]
    return index, _around(rows, side, height), _around(columns, side, width)


def _around(present: npt.NDArray[np.intp], side: int, length: int) -> slice:
    """An interval of at most `side` pixels around those present, inside [0, length)."""
    side = min(side, length)
    start = int(np.clip((present[0] + present[-1] + 1 - side) // 2, 0, length - side))
    return slice(start, start + side)


def _paint(axes: Axes, labels: npt.NDArray[np.uint8]) -> None:
    for label in np.unique(labels[labels > 0]):
        colour = class_colour(int(label))
        mask = np.ma.masked_not_equal(labels, label)
        axes.imshow(mask, cmap=ListedColormap([colour]), alpha=0.4)
        axes.contour(labels == label, levels=[0.5], colors=[colour], linewidths=1.2)


def _outline(axes: Axes, raters: npt.NDArray[np.uint8]) -> None:
    for one in raters:
        for label in np.unique(one[one > 0]):
            axes.contour(one == label, levels=[0.5], colors=["white"], linewidths=0.6)


def _top(rows: Mapping[str, Shown], name: str) -> float:
    """The end of a map's colour scale, shared by the rows; in bits."""
    return max(0.1, *(float(np.percentile(getattr(shown.prediction, name), 99.9)) for shown in rows.values()))


def _patches(classes: Sequence[str]) -> list[Patch]:
    return [Patch(color=class_colour(label), label=name) for label, name in enumerate(classes, start=1)]
