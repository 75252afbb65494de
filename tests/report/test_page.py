from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ckpt_uq.errors import ArgumentError
from ckpt_uq.report import viewer
from ckpt_uq.report.page import Report, as_json_text, write_report
from ckpt_uq.report.settings import Settings
from reference.html_page import Page, accessibility_faults, parsed, reference_faults
from results_folders import NAMES

ALL = (
    "summary",
    "run",
    "calibration",
    "triage",
    "cases",
    "table",
    "panels",
    "definitions",
    "provenance",
)
BUNDLE = "bm90IHRoZSByZWFsIG9uZQ=="


@pytest.fixture(autouse=True)
def _bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the page do not depend on whether NiiVue was fetched."""
    monkeypatch.setattr(viewer, "niivue_bundle", lambda: BUNDLE)


def made(folder: Path, settings: Settings | None = None) -> tuple[Report, Page]:
    report = write_report(folder, folder / "report.html", settings)
    return report, parsed((folder / "report.html").read_text(encoding="utf-8"))


def section(page: Page, name: str) -> str:
    (found,) = [element for element in page.all("section") if element.attributes.get("id") == name]
    return " ".join(found.text.split())


def test_page_is_whole(everything: Path) -> None:
    report, page = made(everything)
    assert page.faults == []
    assert reference_faults(page) == []
    assert accessibility_faults(page) == []
    assert report.sections == ALL
    assert [e.attributes["id"] for e in page.all("section") if "id" in e.attributes] == list(ALL)
    links = [e.attributes["href"] for e in page.all("a")]
    assert [f"#{name}" for name in ALL] == [link for link in links if link[1:] in ALL]


def test_page_of_combined_probabilities_has_what_there_is(combined: Path) -> None:
    report, page = made(combined)
    assert page.faults == reference_faults(page) == accessibility_faults(page) == []
    assert report.sections == ("cases", "table", "panels", "definitions", "provenance")
    assert report.sorted_by == "contour_score_class_1"
    figures = [e for e in page.all("figcaption")]
    assert [e.text for e in figures] == ["Prediction", "Predictive entropy", "Mutual information"] * 2


def test_page_of_numbers_alone(everything: Path) -> None:
    (everything / "cases").rename(everything.parent / "elsewhere")
    report, page = made(everything)
    assert page.faults == reference_faults(page) == []
    assert set(report.sections) == set(ALL) - {"cases", "panels"}
    assert (report.n_cases, report.n_pictured, report.viewer) == (3, 0, False)
    assert not page.all("dialog")


def test_names_reach_the_page_as_text(everything: Path) -> None:
    _, page = made(everything)
    assert page.all("h1")[0].text == "A title with <angle> & brackets"
    assert not page.all("gamma")
    assert not page.all("angle")
    table = next(e for e in page.all("table") if "sortable" in e.attributes.get("class", ""))
    assert NAMES[2] in table.text
    assert any(e.attributes["alt"].startswith(NAMES[2]) for e in page.all("img"))


def test_no_name_ends_a_script(everything: Path) -> None:
    metrics = json.loads((everything / "metrics.json").read_text()) | {"classes": ["</script><b>"]}
    (everything / "metrics.json").write_text(json.dumps(metrics))
    _, page = made(everything)
    assert page.faults == []
    assert not page.all("b")
    (told,) = [json.loads(e.text) for e in page.all("script") if e.attributes.get("id") == "viewer-data"]
    assert told["palette"]["classes"][0]["name"] == "</script><b>"


def test_cases_come_most_uncertain_first_and_those_without_a_number_last(everything: Path) -> None:
    report, page = made(everything)
    assert report.sorted_by == "contour_score_foreground"
    names = [
        " ".join(e.text.split()) for e in page.all("h3") if e.attributes.get("id", "").startswith("case-")
    ]
    assert names == [f"1 {NAMES[2]}", "2 alpha", "3 beta"]
    rows = [e.text for e in page.all("th") if e.attributes.get("scope") == "row" and e.text in NAMES]
    assert rows == [NAMES[2], "alpha", "beta"]
    sorted_heads = [e for e in page.all("th") if e.attributes.get("aria-sort") == "descending"]
    assert [" ".join(e.text.split()) for e in sorted_heads] == ["Contour score, foreground (bits)"]


def test_another_column_may_sort(everything: Path) -> None:
    report, page = made(everything, Settings(sort_by="dice_mean"))
    assert report.sorted_by == "dice_mean"
    rows = [e.text for e in page.all("th") if e.attributes.get("scope") == "row" and e.text in NAMES]
    assert rows == ["alpha", "beta", NAMES[2]]
    with pytest.raises(ArgumentError, match=r"sort_by must be one of dice_mean, dice_organ, .* got 'speed'"):
        made(everything, Settings(sort_by="speed"))


def test_the_subject_of_the_results_sorts(everything: Path) -> None:
    table = (everything / "scores.csv").read_text().replace("dice_organ", "contour_score_organ")
    (everything / "scores.csv").write_text(table)
    assert made(everything)[0].sorted_by == "contour_score_foreground"
    metrics = json.loads((everything / "metrics.json").read_text())
    (everything / "metrics.json").write_text(json.dumps(metrics | {"subject": "organ"}))
    report, page = made(everything)
    assert report.sorted_by == "contour_score_organ"
    assert "Uncertainty–Dice correlation, organ" in section(page, "summary")


def test_bins_of_few_voxels_are_hollow_and_joined_to_none(everything: Path) -> None:
    stored = json.loads((everything / "calibration_bins.json").read_text())
    case = stored["scopes"]["all"]["alpha"]
    case["count"][0], case["confidence"][0], case["hits"][0] = 99, 9.0, 0
    (everything / "calibration_bins.json").write_text(json.dumps(stored))
    _, page = made(everything)
    dots = [e.attributes["class"] for e in page.all("circle")]
    assert dots.count("dot few") == 1
    (line,) = [e.attributes["d"] for e in page.all("path") if e.attributes["class"] == "curve ours"][:1]
    assert line.count("L") + line.count("M") == dots.count("dot")


def test_numbers_stand_beside_their_meaning(everything: Path) -> None:
    _, page = made(everything)
    summary = section(page, "summary")
    assert "Dice, mean of classes higher is better 0.850 Best single checkpoint: 0.840" in summary
    assert "Difference +0.010 (95\u00a0%: −0.020 to +0.030)".replace("\u00a0", " ") in summary
    assert "Uncertainty–Dice correlation lower is better −1.000" in summary
    assert "organ 0.850 0.840 6.000 1" in summary
    assert "ECE" not in summary  # null in metrics.json
    assert "2|P∩T| / (|P| + |T|)" in section(page, "definitions")


def test_figures_tell_their_story_in_words(everything: Path) -> None:
    _, page = made(everything)
    stories = {e.attributes["id"]: e.text for e in page.all("desc")}
    assert stories["run-desc"] == "8 epochs in 2 cycles; members from epochs 2, 3, 6, 7."
    assert stories["scatter-desc"] == "2 cases; Spearman's rank correlation -1.00."
    assert "1 without a value is left out" in section(page, "triage")
    assert len([e for e in page.all("circle") if e.attributes["class"] == "member"]) == 4
    assert len([e for e in page.all("circle") if e.attributes["class"] == "dot case"]) == 2
    assert re.search(r"ECE \d+\.\d\d percent, 95 percent interval", stories["reliability-all-desc"])


def test_dots_of_the_scatter_lead_to_the_pictures(everything: Path) -> None:
    _, page = made(everything)
    dots = [e for e in page.all("a") if "contour score, foreground" in e.text]
    assert {e.text.split(":")[0]: e.attributes["href"] for e in dots} == {
        NAMES[2]: "#case-1",
        "alpha": "#case-2",
    }


def test_page_says_how_it_was_made(everything: Path) -> None:
    when = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    _, page = made(everything, Settings(command="ckpt-uq report x", made_at=when))
    said = section(page, "provenance")
    assert "Results made by ckpt-uq demo --seed 1" in said
    assert "Page made by ckpt-uq report x Page made at 2031-05-06 07:08 UTC" in said
    assert "Seconds per stage train 12.3" in said
    assert re.search(r"Page made with ckpt_uq \d.*Python 3\.\d+.*torch \d.*numpy \d", said)
    assert "NiiVue, © 2021 Niivue, BSD 2-Clause License" in said


def test_same_input_same_page(everything: Path) -> None:
    settings = Settings(made_at=datetime(2031, 5, 6, tzinfo=UTC))
    pages = [
        made(everything, settings)[0].path and (everything / "report.html").read_bytes() for _ in range(2)
    ]
    assert pages[0] == pages[1]


def test_viewer_is_told_of_every_pictured_case(everything: Path) -> None:
    report, page = made(everything)
    assert report.viewer
    by_id = {e.attributes["id"]: e for e in page.all("script") if "id" in e.attributes}
    told = json.loads(by_id["viewer-data"].text)
    assert [told["cases"][f"case-{rank}"]["name"] for rank in (1, 2, 3)] == [NAMES[2], "alpha", "beta"]
    for anchor, case in told["cases"].items():
        assert case["slices"] == 5
        assert 1 <= case["start"] <= 5
        assert set(case["volumes"].values()) == {None}
        assert {f"{anchor}-{role}" for role in case["volumes"]} <= by_id.keys()
    assert by_id["niivue-bundle"].text == BUNDLE
    assert len([e for e in page.all("button") if e.attributes.get("class") == "open-viewer"]) == 3


def test_volumes_that_do_not_fit_are_linked(everything: Path) -> None:
    size = sum(len(data) for data in viewer.embedded(_volumes(everything / "cases" / NAMES[2])).values())
    _, page = made(everything, Settings(embed_mb=size / 1e6))
    told = json.loads(next(e.text for e in page.all("script") if e.attributes.get("id") == "viewer-data"))
    assert set(told["cases"]["case-1"]["volumes"].values()) == {None}
    assert told["cases"]["case-2"]["volumes"]["image"] == "cases/alpha/image.nii.gz"
    assert "case-2-image" not in {e.attributes.get("id") for e in page.all("script")}


def _volumes(folder: Path) -> dict[str, viewer.Volume]:
    from ckpt_uq.report.panels import load_volumes
    from ckpt_uq.report.results import read_results

    (case,) = [one for one in read_results(folder.parents[1]).cases if one.name == folder.name]
    return load_volumes(case)


def test_without_niivue_the_page_says_so(everything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "niivue_bundle", lambda: None)
    report, page = made(everything)
    assert page.faults == reference_faults(page) == []
    assert not report.viewer
    assert not page.all("dialog")
    assert "Not available: this copy of ckpt_uq was built without NiiVue" in section(page, "provenance")


def test_only_the_most_uncertain_have_pictures(everything: Path) -> None:
    report, page = made(everything, Settings(max_panels=1))
    assert (report.n_cases, report.n_pictured) == (3, 1)
    assert page.faults == reference_faults(page) == []
    assert "Pictures are shown for 1 of 3 cases" in section(page, "cases")


@pytest.mark.parametrize("settings", [Settings(max_panels=-1), Settings(embed_mb=-0.5)])
def test_limits_are_not_negative(everything: Path, settings: Settings) -> None:
    with pytest.raises(ArgumentError, match="max_panels and embed_mb must be >= 0"):
        made(everything, settings)


def test_damaged_case_is_named_and_the_others_shown(everything: Path) -> None:
    (everything / "cases" / "alpha" / "entropy.nii.gz").write_bytes(gzip.compress(b"no image"))
    report, page = made(everything)
    assert list(report.failed) == ["alpha"]
    assert report.n_pictured == 2
    assert page.faults == reference_faults(page) == []
    (warning,) = [e for e in page.all("section") if e.attributes.get("class") == "warning"]
    assert "1 case could not be shown." in warning.text
    assert "alpha" in warning.text


def test_entropy_is_measured_where_nothing_else_sorts(combined: Path) -> None:
    (combined / "scores.csv").unlink()
    (combined / "cases" / "alpha" / "entropy.nii.gz").write_bytes(b"")
    report, page = made(combined)
    assert report.sorted_by == "mean_entropy_bits"
    assert list(report.failed) == ["alpha"]
    rows = [e.text for e in page.all("th") if e.attributes.get("scope") == "row"]
    assert rows == ["beta", "alpha"]


def test_report_is_plain_json(everything: Path) -> None:
    report, _ = made(everything)
    told = json.loads(as_json_text(report))
    assert told["sections"] == list(ALL)
    assert told["size"] == (everything / "report.html").stat().st_size
    assert told["size"] < 1_000_000


def test_old_page_stays_when_the_new_one_fails(everything: Path) -> None:
    (everything / "report.html").write_text("old")
    with pytest.raises(ArgumentError):
        made(everything, Settings(sort_by="speed"))
    assert (everything / "report.html").read_text() == "old"


def metrics_with(folder: Path, **more: object) -> None:
    path = folder / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


def test_tables_of_measures_stand_once(everything: Path) -> None:
    rows = {"contour_score": {"aurc": {"estimate": 0.1, "low": 0.05, "high": 0.2}}}
    metrics_with(everything, failure_detection={"what": "Risk is 1 - Dice.", "rows": rows})
    report, page = made(everything)
    assert page.faults == reference_faults(page) == accessibility_faults(page) == []
    assert report.sections.count("measures") == 1
    assert "0.100 (0.0500 to 0.200)" in section(page, "measures")


def test_a_score_by_number_stands_with_the_class_of_that_number(everything: Path) -> None:
    numbers = {"foreground": {"mean": 1.0, "n_nan": 0}, "class_1": {"mean": 7.25, "n_nan": 2}}
    metrics_with(everything, contour_score=numbers, dice_per_class_best_single={})
    summary = section(made(everything)[1], "summary")
    assert "organ 0.850 7.250 2" in summary
    assert "Dice, best single" not in summary


def test_what_a_temperature_leaves_of_the_gain_stands_beside_it(everything: Path) -> None:
    metrics_with(
        everything,
        ece_roi_percent=4.0,
        ece_roi_percent_best_single=8.0,
        ece_roi_percent_calibrated=4.25,
        ece_roi_percent_best_single_calibrated=1.5,
        ensemble_minus_best_single_calibrated={
            "ece_roi_percent": {"estimate": 2.75, "low": 1.0, "high": 4.0}
        },
    )
    _, page = made(everything)
    said = "After a temperature each: 4.25 %, best single 1.50 %; difference +2.75 (95 %: +1.00 to +4.00)"
    assert said in section(page, "summary")
    assert "divided by one number each" in section(page, "definitions")
    assert "After a temperature" not in section(made_without_temperature(everything), "definitions")


def made_without_temperature(folder: Path) -> Page:
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in metrics.items() if "calibrated" not in name}))
    return made(folder)[1]
