from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ckpt_uq.errors import CkptUQError, DataError
from ckpt_uq.report.results import read_results
from results_folders import NAMES


def test_everything_is_found(everything: Path) -> None:
    results = read_results(everything)
    assert {case.name for case in results.cases} == set(NAMES)
    assert all(
        list(case.volumes) == ["image", "labels", "segmentation", "predictive_entropy", "mutual_information"]
        for case in results.cases
    )
    assert results.columns == ("dice_mean", "dice_organ", "contour_score_foreground")  # no column of text
    by_name = {case.name: case.scores for case in results.cases}
    assert by_name["alpha"]["contour_score_foreground"] == 1.5
    assert math.isnan(by_name["beta"]["contour_score_foreground"])
    assert results.run is not None
    assert [member.epoch for member in results.run.members] == [2, 3, 6, 7]
    (bins,) = results.bins
    assert (bins.scope, bins.count.shape) == ("all", (3, 5))
    assert bins.count.sum() == 1500


def test_a_folder_of_combine_is_found(combined: Path) -> None:
    results = read_results(combined)
    assert [list(case.volumes) for case in results.cases] == [
        ["segmentation", "predictive_entropy", "mutual_information"]
    ] * 2
    assert (results.run, results.bins, results.metrics) == (None, (), {})


@pytest.mark.parametrize("name", ["alpha.nii.gz", "alpha_0000.nii.gz"])
def test_images_are_lent_from_another_folder(combined: Path, everything: Path, name: str) -> None:
    images = combined.parent / "images"
    images.mkdir()
    (images / name).write_bytes((everything / "cases" / "alpha" / "image.nii.gz").read_bytes())
    alpha, beta = read_results(combined, images).cases
    assert alpha.volumes["image"] == images / name
    assert "image" not in beta.volumes


def test_a_case_keeps_its_own_image(everything: Path) -> None:
    images = everything.parent / "images"
    images.mkdir()
    (images / "alpha.nii.gz").write_bytes(b"")
    cases = {case.name: case for case in read_results(everything, images).cases}
    assert cases["alpha"].volumes["image"] == everything / "cases" / "alpha" / "image.nii.gz"


def test_cases_may_lie_in_the_folder_itself(combined: Path) -> None:
    assert [case.name for case in read_results(combined / "cases").cases] == list(NAMES[:2])


def test_a_row_without_volumes_is_a_case(everything: Path) -> None:
    with (everything / "scores.csv").open("a") as file:
        file.write("delta,0.5,0.5,3.0,text\n")
    cases = {case.name: case for case in read_results(everything).cases}
    assert dict(cases["delta"].volumes) == {}
    assert cases["delta"].scores["dice_mean"] == 0.5


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"results must hold cases/NAME/segmentation\.nii\.gz"):
        read_results(tmp_path)
    with pytest.raises(DataError, match="results must be a folder, found none at"):
        read_results(tmp_path / "absent")


def test_images_must_be_a_folder(combined: Path) -> None:
    with pytest.raises(DataError, match="images must be a folder, found none at"):
        read_results(combined, combined / "absent")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", "{", "must be JSON"),
        ("metrics.json", "[1]", "must hold one JSON object, got list"),
        ("scores.csv", "name,dice\na,1\n", "must have a column 'case'"),
        (
            "calibration_bins.json",
            '{"scopes": {"all": {"a": {"count": [1]}}}}',
            "must hold count, confidence and hits",
        ),
        ("calibration_bins.json", '{"scopes": [1]}', "must hold count, confidence and hits"),
        ("run/manifest.json", "{}", "must have the format"),
    ],
)
def test_damage_is_named(everything: Path, file: str, content: str, message: str) -> None:
    (everything / file).write_text(content)
    with pytest.raises(CkptUQError, match=message):
        read_results(everything)


def test_tables_of_bins_keep_their_order(everything: Path) -> None:
    stored = json.loads((everything / "calibration_bins.json").read_text())["scopes"]["all"]
    (bins,) = read_results(everything).bins
    for row, name in enumerate(stored):
        np.testing.assert_array_equal(bins.hits[row], stored[name]["hits"])
