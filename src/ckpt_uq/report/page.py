"""Build the page: read the results, draw every case, fill the template, write one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.io.volume import read_volume
from ckpt_uq.report import viewer
from ckpt_uq.report.columns import uncertainty_column
from ckpt_uq.report.panels import load_volumes, picture_case
from ckpt_uq.report.results import CaseResult, Results, read_results
from ckpt_uq.report.settings import Settings, ShownCase
from ckpt_uq.report.template import context_of, fill

MEASURED = "mean_entropy_bits"
"""Column that is added where the results have no uncertainty of their own."""

Track = Callable[[Sequence[CaseResult]], Iterable[CaseResult]]


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    path : str
        The page.
    size : int
        Bytes.
    n_cases, n_pictured : int
        Cases in the table, and those with pictures.
    sorted_by : str or None
        The column of uncertainty.
    sections : tuple of str
        Anchors of the page's sections.
    viewer : bool
        Whether volumes can be opened in 3D.
    failed : mapping of str to str
        Cases whose volumes could not be shown, and why.
    """

    path: str
    size: int
    n_cases: int
    n_pictured: int
    sorted_by: str | None
    sections: tuple[str, ...]
    viewer: bool
    failed: Mapping[str, str]


def write_report(
    results: str | Path, path: str | Path, settings: Settings | None = None, *, track: Track = iter
) -> Report:
    """Write the page of a results folder.

    Parameters
    ----------
    results : path
        What ``ckpt-uq demo``, ``combine`` or ``evaluate`` wrote.
    path : path
        The HTML file; it appears whole or not at all.
    settings : Settings, optional
        See there.
    track : callable
        Passes on the cases as they are drawn, to show progress.

    Raises
    ------
    ArgumentError
        `sort_by` is no column, a limit is negative, or there is no folder for the page.
    DataError
        The folder holds no results, or a table in it is damaged. A case that cannot be read is named in the
        result instead, and on the page.
    """
    settings = settings or Settings()
    if settings.max_panels < 0 or settings.embed_mb < 0:
        raise ArgumentError(
            f"max_panels and embed_mb must be >= 0, got {settings.max_panels} and {settings.embed_mb}"
        )
    path = Path(path)
    read = read_results(results, settings.images)
    if not path.parent.is_dir() or path.is_dir():
        raise ArgumentError(f"path must be a file in a folder that exists, got {path}; make its folder first")
    found, failed = _with_uncertainty(read)
    by = _sorting_column(found, settings.sort_by)
    cases = sorted(found.cases, key=lambda case: _descending(case, by))
    bundle = viewer.niivue_bundle()
    shown = _draw(cases, path, settings, failed, track)
    context = context_of(found, cases, shown, by, settings) | {"failed": failed, "niivue": bundle}
    page = fill(context).encode()
    write_bytes_atomic(path, page)
    return Report(
        path=str(path),
        size=len(page),
        n_cases=len(cases),
        n_pictured=len(shown),
        sorted_by=by,
        sections=tuple(anchor for anchor, _ in context["sections"]),
        viewer=bundle is not None and bool(shown),
        failed=failed,
    )


def _with_uncertainty(results: Results) -> tuple[Results, dict[str, str]]:
    """Give cases a mean entropy where scores.csv has no uncertainty; name those that cannot be read."""
    failed: dict[str, str] = {}
    if _default_column(results) is not None:
        return results, failed
    cases = []
    for case in results.cases:
        scores = dict(case.scores)
        if "predictive_entropy" in case.volumes:
            try:
                entropy = read_volume(case.volumes["predictive_entropy"]).data
                scores[MEASURED] = float(np.nanmean(entropy, dtype=np.float64))
            except DataError as error:
                failed[case.name] = str(error)
        cases.append(replace(case, scores=scores))
    columns = results.columns + ((MEASURED,) if any(MEASURED in case.scores for case in cases) else ())
    return replace(results, cases=tuple(cases), columns=columns), failed


def _sorting_column(results: Results, asked: str | None) -> str | None:
    if asked is not None and asked not in results.columns:
        raise ArgumentError(f"sort_by must be one of {', '.join(results.columns)}, got {asked!r}")
    return asked or _default_column(results)


def _default_column(results: Results) -> str | None:
    return uncertainty_column(results.columns, str(results.metrics.get("subject", "")))


def _descending(case: CaseResult, by: str | None) -> tuple[bool, float, str]:
    value = case.scores.get(by, np.nan) if by else np.nan
    return bool(np.isnan(value)), -value if np.isfinite(value) else 0.0, case.name


def _draw(
    cases: Sequence[CaseResult], path: Path, settings: Settings, failed: dict[str, str], track: Track
) -> list[ShownCase]:
    shown: list[ShownCase] = []
    room = settings.embed_mb * 1e6
    drawable = [case for case in cases if case.volumes and case.name not in failed][: settings.max_panels]
    for rank, case in enumerate(track(drawable), start=1):
        try:
            volumes = load_volumes(case)
        except DataError as error:
            failed[case.name] = str(error)
            continue
        carried = viewer.embedded(volumes)
        size = sum(map(len, carried.values()))
        fits = size <= room
        room -= size if fits else 0
        shown.append(
            ShownCase(
                case=case,
                rank=rank,
                anchor=f"case-{rank}",
                pictures=picture_case(case.name, volumes),
                volumes=carried if fits else viewer.beside(case.volumes, path),
                embedded=fits,
                scene=viewer.scene(volumes),
            )
        )
    return shown


def as_json_text(report: Report) -> str:
    """The summary as one JSON object."""
    return json.dumps(asdict(report))
