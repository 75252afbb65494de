"""What a page is made with: the user's settings, and a case that is ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ckpt_uq.report.panels import CasePictures
from ckpt_uq.report.results import CaseResult


@dataclass(frozen=True)
class Settings:
    """How the page is built.

    Attributes
    ----------
    sort_by : str, optional
        Column of scores.csv by which cases are sorted, largest first; by default the contour score or an
        entropy.
    images : path, optional
        Folder of the images of cases that do not hold their own, see
        :func:`ckpt_uq.report.results.read_results`.
    max_panels : int
        How many cases have pictures, the most uncertain.
    embed_mb : float
        How many megabytes of volumes the page may carry; cases beyond are linked to their files.
    command : str
        The command line that asked for it.
    made_at : datetime, optional
        Now by default.
    """

    sort_by: str | None = None
    images: str | Path | None = None
    max_panels: int = 40
    embed_mb: float = 30.0
    command: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True)
class ShownCase:
    """A case with its pictures, and its volumes for the viewer."""

    case: CaseResult
    rank: int
    anchor: str
    pictures: CasePictures
    volumes: dict[str, str]
    embedded: bool
    scene: dict[str, Any]
