"""Write the table of docs/how-to/nnunet.md from benchmarks/results/nnunet_side_by_side.json.

Run with ``python benchmarks/nnunet_page.py`` after a new result; a test holds page and result together.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "nnunet_side_by_side.json"
PAGE = ROOT / "docs" / "how-to" / "nnunet.md"
BEGIN = "<!-- measured: nnunet_side_by_side -->"
END = "<!-- /measured -->"

ROWS = (
    ("after_forwards_s", "seconds after the forwards", 0),
    ("forwards_s", "seconds in the network", 0),
    ("wall_s", "seconds in all, starting and preprocessing included", 0),
    ("cpu_s", "seconds of processor time", 0),
    ("peak_mb", "most memory, MB", 0),
    ("intermediate_mb", "written on the way, MB", 0),
    ("result_mb", "written in the end, MB", 0),
)


def section(result: dict[str, Any]) -> str:
    """Markdown: what was measured on what, and a row for each number."""
    ours, theirs = (result["ways"][name] for name in ("streamed", "papers_way"))
    scan = " x ".join(map(str, reversed(result["scan_zyx"])))
    loads = " and ".join(f"{way['load_average_before']:.1f}" for way in (ours, theirs))
    said = (
        f"{result['n_checkpoints']} checkpoints of a small 2D network, one simulated scan of {scan} voxels, "
        f"{result['n_classes']} classes, no\nmirroring, a processor with {result['machine']['cpus']} cores "
        f"that had other work too (load averages {loads} before).\nProcessor time depends on that less than "
        "seconds do."
    )
    head = "|  | `ckpt-uq nnunet predict` | `nnUNetv2_predict --save_probabilities` each, then averaging |"
    rows = [f"| {label} | {ours[key]:.{n}f} | {theirs[key]:.{n}f} |" for key, label, n in ROWS]
    return "\n".join([said, "", head, "| --- | ---: | ---: |", *rows])


def rewritten(page: str, result: dict[str, Any]) -> str:
    """The page with the section of a result between its marks."""
    pattern = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE} must hold {BEGIN} and {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{section(result)}\n{END}", page)


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(rewritten(PAGE.read_text(), json.loads(RESULT.read_text())))


if __name__ == "__main__":
    main()
