"""Keep a fitted regression as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ckpt_uq.io.versioned_json import VersionedJson
from ckpt_uq.quality.regression import QualityRegression

_FILE = VersionedJson("ckpt_uq quality", 1, what="regression", writer="save_quality")


def save_quality(path: str | Path, model: QualityRegression) -> None:
    """Write a regression, whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "quality.json"
    >>> save_quality(path, QualityRegression(("entropy",), (0.5,), (0.25,), (-0.1,), 0.8))
    >>> load_quality(path).intercept
    0.8
    """
    _FILE.write(path, asdict(model))


def load_quality(path: str | Path) -> QualityRegression:
    """Read what :func:`save_quality` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another format or of a later version.
    """
    return _FILE.read(path, lambda fields: QualityRegression(**fields))
