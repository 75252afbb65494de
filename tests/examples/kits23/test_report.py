"""The page: every measured cell is in its file, the paper's cells are marked, and nothing is fetched."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from torch import nn
from typer.testing import CliRunner, Result

from ckpt_uq.selection import PeakCheckpointSelector
from kits23.cli import app
from kits23.reporting import paper
from kits23.reporting.pictures import slice_panels
from kits23.systems import SYSTEMS
from kits23.work import Work


class Page(HTMLParser):
    """What a test asks of a page: tables as rows of cells, links, headings, identifiers, references."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[dict[str, str]]]] = {}
        self.ids: list[str] = []
        self.references: list[str] = []
        self.images: list[dict[str, str]] = []
        self.texts: list[str] = []
        self._caption = self._cell = None
        self._rows: list[list[dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        self.references += [given[name] for name in ("href", "src") if name in given]
        self.images += [given] if tag == "img" else []
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._cell = {"text": "", **given}
            self._rows[-1].append(self._cell)
        elif tag == "a" and self._cell is not None:
            self._cell.update(given)
        elif tag == "caption":
            self._caption = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "caption":
            self.tables[self._caption or ""] = self._rows
            self._caption = None

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._cell is not None:
            self._cell["text"] += data.strip()
        elif self._caption is not None:
            self._caption += data


def report(work: Work, *options: object) -> Result:
    return CliRunner().invoke(app, ["report", str(work.root), *map(str, options)], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def page(evaluated: Work) -> Page:
    run = evaluated.nnunet_results / "Dataset220_KiTS23" / "trainer__plans__2d" / "fold_0"
    selector = PeakCheckpointSelector(run, cycles=[4, 4], k=2)
    model = nn.Linear(1, 1)
    for epoch, score in enumerate([0.3, 0.4, 0.5, 0.6, 0.5, 0.6, 0.7, 0.8]):
        selector.step(epoch, score, model, lr=0.1 * (1 - (epoch % 4) / 4))
    done = report(evaluated)
    assert done.exit_code == 0, done.output
    return Page(evaluated.report.read_text())


def rows_of(page: Page, table: str) -> dict[str, list[dict[str, str]]]:
    (name,) = [name for name in page.tables if name.startswith(table)]
    return {row[0]["text"]: row[1:] for row in page.tables[name]}


def test_every_measured_cell_is_in_the_file_it_leads_to(page: Page, evaluated: Work) -> None:
    n_cells = 0
    for rows in list(page.tables.values())[:3]:
        for row in rows:
            for cell in row:
                if "data-key" not in cell:
                    continue
                n_cells += 1
                key, _, times = cell["data-key"].partition(" × ")
                value = json.loads((evaluated.root / cell["href"]).read_text())
                for part in key.split("."):
                    value = value[part]
                digits = len(cell["text"].partition(".")[2])
                assert cell["text"] == f"{value * float(times or 1):.{digits}f}"
                assert cell["title"] == f"{cell['href']}: {cell['data-key']}"
                assert cell["href"].split("/")[1] in ("rel_unet", "full_train")
    assert n_cells == 2 * (4 + 4 + 6)


def test_rows_hold_their_own_system(page: Page) -> None:
    for table in ("Table I:", "Table II:", "Table III:"):
        for title, cells in rows_of(page, table).items():
            systems = {cell["href"].split("/")[1] for cell in cells if "data-key" in cell}
            assert systems <= {name for name, known in SYSTEMS.items() if known == title}


def test_the_papers_numbers_are_the_papers_and_marked(page: Page) -> None:
    marked = {
        table: {
            title: [cell["text"] for cell in cells if "paper" in cell.get("class", "") and cell["text"]]
            for title, cells in rows_of(page, table).items()
            if title != "Method"
        }
        for table in ("Table I:", "Table II:", "Table III:")
    }
    assert marked["Table I:"] == {
        "Rel-UNet": ["1.11"], "HMC": ["1.36"], "PHiSeg": ["2.52"], "Deep Ensemble": ["2.70"],
        "5-fold": ["2.89"], "Monte Carlo": ["3.44"], "Full-train": [],
    }  # fmt: skip
    assert marked["Table II:"] == {
        "Rel-UNet": ["1.11", "80.0", "0.67"],
        "5-fold": ["3.02", "81.1", "0.52"],
        "Full-train": ["3.37", "80.5", "0.71"],
        "3D": ["5.20", "73.3", "0.98"],
    }
    assert marked["Table III:"]["Rel-UNet"] == ["0.800", "0.702", "0.641"]
    assert marked["Table III:"]["Myronenko et al."] == ["0.835", "0.723", "0.758"]
    assert len(marked["Table III:"]) == 6 + 2
    for table in marked:
        for cells in rows_of(page, table).values():
            assert not any("data-key" in cell and "paper" in cell.get("class", "") for cell in cells)


def test_simulated_data_are_named_so(page: Page) -> None:
    assert "These are not patients." in page.texts


def test_real_data_are_not(predicted: Work) -> None:
    assert CliRunner().invoke(app, ["evaluate", str(predicted.root)]).exit_code == 0
    predicted.preparation.write_text(json.dumps({"source": "KiTS23", "n_test": 4}))
    assert report(predicted).exit_code == 0
    assert "These are not patients." not in predicted.report.read_text()
    page = Page(predicted.report.read_text())
    assert "maps" not in page.ids, "one system has nobody to compare with"
    assert "training" not in page.ids
    assert not [image for image in page.images if image["alt"].endswith(": image")], "no images are there"
    assert page.images, "predictions can be shown without them"


def test_page_has_the_papers_figures_and_fetches_nothing(page: Page, evaluated: Work) -> None:
    sections = {"tables", "training", "samples", "flags", "maps", "triage", "calibration", "provenance"}
    assert sections <= set(page.ids)
    assert len(page.ids) == len(set(page.ids)), "identifiers are the page's own once"
    text = evaluated.report.read_text()
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.images)
    assert all(image["alt"] for image in page.images)
    for reference in page.references:
        if reference.startswith("#"):
            assert reference[1:] in {*page.ids, "main"}
        elif not reference.startswith("data:"):
            assert (evaluated.root / reference).is_file()


def test_training_shows_restarts_and_members(page: Page, evaluated: Work) -> None:
    text = evaluated.report.read_text()
    assert "Dataset220_KiTS23/trainer__plans__2d/fold_0" in text
    assert "8 epochs in 2 cycles; members from epochs 2, 3, 6, 7." in text
    assert ", ".join(map(str, paper.PEAKS)) in text


def test_page_elsewhere_still_leads_to_the_files(evaluated: Work, tmp_path: Path) -> None:
    out = tmp_path / "pages" / "r.html"
    out.parent.mkdir()
    assert report(evaluated, "--out", out).exit_code == 0
    leads = [one for one in Page(out.read_text()).references if one.endswith("metrics.json")]
    assert leads
    assert all((out.parent / lead).is_file() for lead in leads)


def test_remark_of_fig_7_is_counted() -> None:
    from ckpt_uq.report.figures import Point
    from kits23.reporting.figures import _scatter_caption

    points = [Point("a", 0.4, 0.9), Point("b", 0.45, 0.7), Point("c", 0.9, 0.95)]
    assert "of 2 cases with a score below 0.5, 1 have it" in _scatter_caption(points, -0.5)
    assert "no case has a score below 0.5" in _scatter_caption(points[2:], -0.5)


def test_nothing_to_report_is_an_error(tmp_path: Path) -> None:
    assert "run kits23 prepare first" in report(Work(tmp_path)).output
    Work(tmp_path).preparation.write_text("{}")
    done = report(Work(tmp_path))
    assert done.exit_code == 1
    assert "run kits23 evaluate" in done.output


def test_damaged_metrics_are_named(predicted: Work) -> None:
    folder = predicted.evaluation / "rel_unet"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("{")
    done = report(predicted)
    assert done.exit_code == 1
    assert "metrics.json must be JSON" in done.output


def test_slices_are_shown_from_above_whatever_their_thickness(predicted: Work) -> None:
    from dataclasses import replace

    from ckpt_uq.io.nifti import read_volume

    (path, *_) = sorted((predicted.raw / "labelsTs").iterdir())
    volume = read_volume(path)
    thin = volume.affine.copy()
    thin[:3, 0] /= 100  # slices closer than pixels: the widest spacing is in the plane
    x, y = (np.flatnonzero((volume.data > 0).any(axis=other)) for other in ((1, 2), (0, 2)))
    margin = max((x[-1] + 1 - x[0]) // 6, 8)
    sides = [min(axis[-1] + 1 + margin, n) - max(axis[0] - margin, 0) for axis, n in ((x, 52), (y, 40))]
    for affine in (volume.affine, thin):
        (panel,) = slice_panels("a", {"segmentation": replace(volume, affine=affine, header=None)}, 5)
        assert panel.width / panel.height == pytest.approx(sides[0] / sides[1], rel=0.02)
        assert panel.alt == "a, slice 5: prediction"


def test_headings_say_what_is_below_them(page: Page) -> None:
    keys = {}
    for table in ("Table I:", "Table II:", "Table III:"):
        rows = rows_of(page, table)
        headings = [cell["text"] for cell in rows["Method"]]
        keys |= {
            (table, heading): cell["data-key"]
            for heading, cell in zip(headings, rows["Rel-UNet"], strict=True)
            if "data-key" in cell
        }
    regions = {"kidney": "kidney_and_mass", "masses": "mass", "tumour": "tumour"}
    assert keys == {
        ("Table I:", "ECE %, all voxels"): "ece_percent",
        ("Table I:", "ECE %, around the kidneys"): "ece_roi_percent",
        ("Table I:", "released code’s number %"): "ece_released_percent",
        ("Table I:", "cases"): "n_cases",
        ("Table II:", "ECE %"): "ece_percent",
        ("Table II:", "Dice %, kidney and masses"): "kits.kidney_and_mass.dice × 100",
        ("Table II:", "contour score, bits"): "contour_score.foreground.mean",
        ("Table II:", "mean entropy, bits a voxel"): "predictive_entropy_bits",
        **{("Table III:", f"Dice, {name}"): f"kits.{key}.dice" for name, key in regions.items()},
        **{
            ("Table III:", f"surface Dice, {name}"): f"kits.{key}.surface_dice"
            for name, key in regions.items()
        },
    }
