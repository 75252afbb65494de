"""Keep a contour and its guarantee as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ckpt_uq.conformal.contour import ContourRule, GuaranteedContour
from ckpt_uq.io.versioned_json import VersionedJson

_FILE = VersionedJson("ckpt_uq contour", 1, what="contour", writer="save_contour")


def save_contour(path: str | Path, contour: GuaranteedContour) -> None:
    """Write a contour, whole or not at all; an infinite lambda is null in the file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tumour.json"
    >>> save_contour(path, GuaranteedContour(ContourRule((2,)), 0.1, 0.75, 0.05, ("a", "b")))
    >>> load_contour(path).lam
    0.75
    """
    fields = asdict(contour)
    _FILE.write(path, {**fields.pop("rule"), **fields})


def load_contour(path: str | Path) -> GuaranteedContour:
    """Read what :func:`save_contour` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another format or of another version.
    """
    return _FILE.read(path, _contour)


def _contour(fields: dict[str, Any]) -> GuaranteedContour:
    rule = ContourRule(**{name: fields.pop(name) for name in ("labels", "loss", "family", "min_overlap")})
    lam = fields.pop("lam")
    return GuaranteedContour(rule, lam=math.inf if lam is None else lam, **fields)
