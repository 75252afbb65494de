"""Slices of cases as pictures: samples, places that are flagged, maps of several systems side by side."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ckpt_uq.cohort import SCORES
from ckpt_uq.io.scores_csv import read_scores
from ckpt_uq.io.volume import Volume
from ckpt_uq.report.panels import TITLES, Panel, load_volumes, picture_case
from ckpt_uq.report.results import CaseResult, read_results
from kits23.evaluating.system import FLAGS
from kits23.reporting import paper
from kits23.reporting.tables import Measured
from kits23.work import CLASSES, Work

N_SAMPLES = 5
N_FLAGS = 6

_LEAST_MARGIN = 8

SCORE = "contour_score_foreground"
"""The uncertainty score that is quoted and drawn."""

Volumes = Mapping[str, Volume]


@dataclass(frozen=True)
class Row:
    """Pictures side by side, and what is said of them."""

    heading: str
    caption: str
    panels: tuple[Panel, ...]


class Cases:
    """The test cases of a system with everything that can be shown of them.

    Parameters
    ----------
    work : Work
        The folder.
    system : str
        Which predictions.
    """

    def __init__(self, work: Work, system: str) -> None:
        images, labels = work.raw / "imagesTs", work.raw / "labelsTs"
        found = read_results(work.predictions / system, images if images.is_dir() else None)
        self._cases = {case.name: _with_labels(case, labels) for case in found.cases if case.volumes}
        self.scores = read_scores(work.evaluation / system / SCORES)
        self._last: tuple[str, dict[str, Volume]] = ("", {})
        self.names = [name for name in self._cases if name in self.scores]

    def volumes(self, name: str) -> dict[str, Volume]:
        """Everything of a case, on one grid; that of the last case is kept, since flags come in clusters."""
        if name != self._last[0]:
            self._last = (name, load_volumes(self._cases[name]))
        return self._last[1]


def _with_labels(case: CaseResult, labels: Path) -> CaseResult:
    path = labels / f"{case.name}.nii.gz"
    return replace(case, volumes={**case.volumes, "labels": path}) if path.is_file() else case


def samples(cases: Cases) -> list[Row]:
    """Fig. 3: from the best to the worst case, each with its Dice and its score."""
    names = sorted(cases.names, key=lambda name: -_known(cases.scores[name].get("dice_mean")))
    shown = dict.fromkeys(
        names[round(at)] for at in np.linspace(0, len(names) - 1, min(N_SAMPLES, len(names)))
    )
    rows = []
    for letter, name in zip("abcdefgh", shown, strict=False):
        volumes = cases.volumes(name)
        index = _most_uncertain(volumes)
        dice, score = (_number(cases.scores[name].get(column)) for column in ("dice_mean", SCORE))
        caption = f"Of the whole volume: Dice {dice} (mean of the classes), contour score {score} bits."
        rows.append(Row(f"{letter}) {name}, slice {index}", caption, slice_panels(name, volumes, index)))
    return rows


def flagged(work: Work, system: str, cases: Cases) -> list[Row]:
    """Figs. 4 and 6: the first flags, one slice each; beside the end of a class the slice that has it."""
    rows = []
    for flag in flag_rows(work, system)[:N_FLAGS]:
        volumes = cases.volumes(flag["case"])
        index = int(flag["slice"])
        heading = f"{flag['rank']}) {flag['case']}, slice {index}: {flag['class']}"
        said = (
            f"{flag['what']}: {flag['n_voxels']} voxels around ({flag['voxel_i']}, {flag['voxel_j']}, "
            f"{flag['voxel_k']}), {float(flag['doubt_bit_ml']):.2f} bit·ml of doubt."
        )
        rows.append(Row(heading, said[:1].upper() + said[1:], slice_panels(flag["case"], volumes, index)))
        beside = _neighbour_with(volumes, index, flag["class"]) if flag["kind"] == "end_of_class" else None
        if beside is not None:
            panels = slice_panels(flag["case"], volumes, beside)
            rows.append(Row(f"{flag['case']}, slice {beside}", "The slice beside it.", panels))
    return rows


def compared(measured: list[Measured], by_system: Mapping[str, Cases]) -> list[Row]:
    """Fig. 5: entropy maps of all systems on the same slices; the paper's cases where they are there."""
    common = set.intersection(*(set(cases.names) for cases in by_system.values()))
    first = next(iter(by_system.values()))
    entropy = {name: _known(first.scores[name].get("mean_entropy_bits")) for name in common}
    wanted = [name for name in paper.MAP_CASES if name in common]
    others = sorted(common - set(wanted), key=lambda name: -entropy[name])
    rows = []
    for name in [*wanted, *others][:N_SAMPLES]:
        volumes = first.volumes(name)
        index = _most_uncertain(volumes)
        image, truth = slice_panels(name, volumes, index, ("image", "labels"))
        maps = []
        for one in measured:
            theirs = by_system[one.system].volumes(name)
            (panel,) = slice_panels(name, theirs, index, ("predictive_entropy",))
            maps.append(replace(panel, title=f"Entropy, {one.title}"))
        rows.append(Row(f"{name}, slice {index}", "", (image, truth, *maps)))
    return rows


def flag_rows(work: Work, system: str) -> list[dict[str, str]]:
    """The table of flags as written; none if it is not there."""
    path = work.evaluation / system / FLAGS
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def slice_panels(
    name: str, volumes: Volumes, index: int, roles: tuple[str, ...] | None = None
) -> tuple[Panel, ...]:
    """Pictures of one axial slice, around the kidneys.

    Parameters
    ----------
    name : str
        For the alternative texts.
    volumes : mapping of str to Volume
        By the names in :data:`ckpt_uq.report.results.VOLUMES`; the segmentation at least.
    index : int
        Which slice, counted from 0 as the file is stored.
    roles : tuple of str, optional
        Only these, in this order.
    """
    view = _view(volumes)
    thin = {role: _one_slice(volume, index, view) for role, volume in volumes.items()}
    panels = {panel.title: panel for panel in picture_case(name, thin).panels}
    titles = panels.keys() if roles is None else [TITLES[role] for role in roles if role in thin]
    return tuple(replace(panels[title], alt=f"{name}, slice {index}: {title.lower()}") for title in titles)


def _view(volumes: Volumes) -> tuple[slice, slice, slice]:
    """The part of the volume around what is predicted or labelled, with some of its surroundings."""
    foreground = volumes["segmentation"].data > 0
    if "labels" in volumes:
        foreground |= volumes["labels"].data > 0
    found = np.argwhere(foreground)
    if not len(found):
        return slice(None), slice(None), slice(None)
    first, last = found.min(axis=0), found.max(axis=0) + 1
    margin = max(int((last - first).max()) // 6, _LEAST_MARGIN)
    x, y, z = (slice(max(0, a - margin), b + margin) for a, b in zip(first, last, strict=True))
    return x, y, z


def _one_slice(volume: Volume, index: int, view: tuple[slice, slice, slice]) -> Volume:
    """A volume of this axial slice alone, thick enough that nobody looks at it from the side."""
    axis = volume.geometry.axial_axis
    affine = volume.affine.copy()
    affine[:3, 2 - axis] *= 1000
    place = [*view]
    place[axis] = slice(index, index + 1)
    return Volume(volume.data[tuple(place)], affine, None)


def _most_uncertain(volumes: Volumes) -> int:
    axis = volumes["segmentation"].geometry.axial_axis
    entropy = np.moveaxis(volumes["predictive_entropy"].data, axis, 0)
    return int(np.nan_to_num(entropy).sum(axis=(1, 2), dtype=np.float64).argmax())


def _neighbour_with(volumes: Volumes, index: int, class_name: str) -> int | None:
    if "labels" not in volumes or class_name not in CLASSES:
        return None
    labels = np.moveaxis(volumes["labels"].data, volumes["labels"].geometry.axial_axis, 0)
    for at in (index + 1, index - 1):
        if 0 <= at < len(labels) and (labels[at] == CLASSES.index(class_name) + 1).any():
            return at
    return None


def _known(value: float | None) -> float:
    return -1.0 if value is None or not np.isfinite(value) else value


def _number(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.3g}"
