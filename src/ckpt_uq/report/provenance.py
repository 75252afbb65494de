"""Where the numbers and the page come from."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata

from ckpt_uq._version import __version__
from ckpt_uq.report.results import Results
from ckpt_uq.report.settings import Settings

_PACKAGES = ("torch", "numpy", "nibabel")


def facts_of(results: Results, settings: Settings) -> list[tuple[str, str]]:
    """Commands, date, folder, durations and versions, those that are known."""
    metrics = results.metrics
    told, seconds, theirs = metrics.get("command"), metrics.get("seconds"), metrics.get("versions")
    stages = seconds.items() if isinstance(seconds, Mapping) else ()
    with_them = theirs.items() if isinstance(theirs, Mapping) else ()
    versions = [f"{package} {metadata.version(package)}" for package in _PACKAGES]
    facts = [
        ("Results made by", str(told) if told else ""),
        ("Results made at", str(metrics.get("date") or "")),
        ("Results made with", ", ".join(f"{name} {version}" for name, version in with_them)),
        ("Page made by", settings.command),
        ("Page made at", (settings.made_at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M %Z")),
        ("Results folder", str(results.folder)),
        ("Seconds per stage", ", ".join(f"{stage} {time:.1f}" for stage, time in stages)),
        (
            "Page made with",
            ", ".join([f"ckpt_uq {__version__}", f"Python {platform.python_version()}", *versions]),
        ),
    ]
    return [(name, text) for name, text in facts if text]
