"""The table of the how-to page is that of the committed result."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "nnunet_page.py"))
RESULT = json.loads(SCRIPT["RESULT"].read_text())


def test_page_and_result_agree():
    page = SCRIPT["PAGE"].read_text()
    assert SCRIPT["rewritten"](page, RESULT) == page


def test_another_result_would_be_seen():
    page = SCRIPT["PAGE"].read_text()
    changed = json.loads(json.dumps(RESULT))
    changed["ways"]["streamed"]["peak_mb"] += 1000
    assert SCRIPT["rewritten"](page, changed) != page


def test_a_page_without_marks_is_refused():
    with pytest.raises(SystemExit, match="must hold"):
        SCRIPT["rewritten"]("no marks", RESULT)
