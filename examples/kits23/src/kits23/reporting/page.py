"""The page: read what was measured, draw it, fill the template, write one file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ckpt_uq import __version__ as library_version
from ckpt_uq.io.atomic import write_bytes_atomic
from ckpt_uq.report.colours import class_colour, css_gradient, entropy_table, mutual_information_table
from ckpt_uq.report.panels import SCALE_BITS
from kits23 import __version__
from kits23.reporting import paper
from kits23.reporting.figures import calibration_figures, run_figures, scatter_figures
from kits23.reporting.pictures import Cases, compared, flag_rows, flagged, samples
from kits23.reporting.tables import read_measured, table_one, table_three, table_two
from kits23.work import CLASSES, Work

N_FLAG_ROWS = 30


def write_report(work: Work, path: Path, *, command: str = "", made_at: datetime | None = None) -> list[str]:
    """Write the page of everything that WORK holds.

    Parameters
    ----------
    work : Work
        The folder, evaluated.
    path : Path
        The HTML file; it appears whole or not at all.
    command : str
        The command line that asked for it.
    made_at : datetime, optional
        Now by default.

    Returns
    -------
    list of str
        Titles of the sections that there were data for.

    Raises
    ------
    ArgumentError
        Nothing was prepared or evaluated.
    DataError
        A file is damaged.
    """
    work.require_prepared()
    measured = read_measured(work)
    prepared = json.loads(work.preparation.read_text(encoding="utf-8"))
    by_system = {one.system: Cases(work, one.system) for one in measured}
    lead = measured[0]
    cases = by_system[lead.system]
    runs, scatter = run_figures(work), scatter_figures(work, measured)
    reliability = calibration_figures(work, measured)
    found = {
        "tables": ("Tables I to III", True),
        "training": ("Fig. 2: training", runs),
        "samples": ("Fig. 3: samples", cases.names),
        "flags": ("Figs. 4 and 6: labels to look at", flag_rows(work, lead.system)),
        "maps": ("Fig. 5: maps of the systems", len(measured) > 1 and cases.names),
        "triage": ("Fig. 7: uncertainty and Dice", scatter),
        "calibration": ("Calibration", reliability),
        "provenance": ("Where this is from", True),
    }
    sections = [(anchor, title) for anchor, (title, there) in found.items() if there]
    context = {
        "title": "Rel-UNet on KiTS23",
        "simulated": prepared.get("source") != "KiTS23",
        "prepared": prepared,
        "lead": lead.title,
        "n_systems": len(measured),
        "paper": paper,
        "sections": sections,
        "tables": [table_one(measured), table_two(measured), table_three(measured)],
        "link": lambda file: Path(os.path.relpath(file, path.parent)).as_posix(),
        "runs": runs,
        "samples": samples(cases),
        "flagged": flagged(work, lead.system, cases),
        "flags": flag_rows(work, lead.system)[:N_FLAG_ROWS],
        "n_flags": len(flag_rows(work, lead.system)),
        "flags_file": work.evaluation / lead.system / "flags.csv",
        "maps": compared(measured, by_system) if len(measured) > 1 else [],
        "scatter": scatter,
        "reliability": reliability,
        "classes": [(name, class_colour(label)) for label, name in enumerate(CLASSES, start=1)],
        "bars": [
            ("Predictive entropy", css_gradient(entropy_table()), SCALE_BITS["predictive_entropy"]),
            (
                "Mutual information",
                css_gradient(mutual_information_table()),
                SCALE_BITS["mutual_information"],
            ),
        ],
        "facts": _facts(work, prepared, command, made_at or datetime.now(UTC)),
    }
    page = _environment().get_template("page.html").render(context)
    write_bytes_atomic(path, page.encode())
    return [title for _, title in sections]


def _facts(work: Work, prepared: Mapping[str, Any], command: str, made_at: datetime) -> list[tuple[str, str]]:
    versions = [
        f"kits23 {__version__}",
        f"ckpt_uq {library_version}",
        f"Python {platform.python_version()}",
        *(f"{package} {metadata.version(package)}" for package in ("torch", "numpy")),
    ]
    split = f"{prepared.get('n_development')} cases in folds, {prepared.get('n_test')} to test"
    facts = [
        ("Cases", str(prepared.get("source", ""))),
        ("Split", f"{split} ({prepared.get('split')}, seed {prepared.get('seed')})"),
        ("Normalisation", str(prepared.get("normalisation", ""))),
        ("Folder", str(work.root.resolve())),
        ("Page made by", command),
        ("Page made at", made_at.strftime("%Y-%m-%d %H:%M %Z")),
        ("Made with", ", ".join(versions)),
        ("The paper", f"{paper.TITLE}, arXiv:2503.09633"),
        ("Data", "KiTS23 is CC BY-NC-SA 4.0; a page with pictures of its cases is under the same licence."),
    ]
    return [(name, text) for name, text in facts if text and text != "None"]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        # The frame around the page is that of the library's report.
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("kits23.reporting"), jinja2.PackageLoader("ckpt_uq.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = _static
    return environment


def _static(name: str) -> Markup:
    """Style and script of the library's report: both pages look and behave alike."""
    return Markup((resources.files("ckpt_uq.report") / "static" / name).read_text(encoding="utf-8"))
