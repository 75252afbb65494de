"""Tables of metrics.json as the page shows them."""

from __future__ import annotations

import math

import pytest

from ckpt_uq.report.columns import quantity
from ckpt_uq.report.measured import MEASURED
from ckpt_uq.report.tables import cell, measure_tables


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (True, "–"),
        (0.0, "0"),
        (12, "12"),
        (29952, "29\u202f952"),
        (0.99951, "1.00"),
        (-0.12345, "−0.123"),
        (1234.5, "1230"),
        (0.000012, "0.000012"),
        ("dice_class_1", "dice class 1"),
        ({"estimate": 0.5, "low": None, "high": 0.7}, "0.500"),
        ({"estimate": None, "low": 0.1, "high": 0.7}, "–"),
        ({"estimate": 0.5, "low": 0.25, "high": 0.75}, "0.500 (0.250 to 0.750)"),
    ],
)
def test_cells(value, text):
    assert cell({"x": value}, "x") == text


def test_a_bound_stands_beside_its_value_and_has_no_column():
    rows = {
        "a": {"ks_percent": 1.0, "ks_percent_bound": 0.5},
        "b": {"ks_percent": 1.0, "ks_percent_bound": 0.0},
    }
    (table,) = measure_tables({"calibration_errors": {"what": "how", "rows": rows}})
    assert [one.name for one in table.columns] == ["ks_percent"]
    assert table.rows == (("a", ("1.00 ± 0.500",)), ("b", ("1.00",)))
    assert table.what == "how"
    assert table.meanings[0][1].endswith("Lower is better.")


def test_what_is_no_table_is_left_out():
    assert measure_tables({"surface": 3, "kits": {"rows": {}}, "other": {"rows": {"a": {"x": 1.0}}}}) == []


def test_every_pattern_has_a_name_and_no_two_fight():
    for key in (
        "ace_percent", "ece_boundary_percent", "brier_reliability", "brier_boundary", "nll_boundary",
        "surface_dice_kidney", "hd95_mm_kidney", "kits_dice_mass", "error_auroc_roi", "ueo_all",
        "ueo_threshold_bits", "qu_brats_class_1", "qu_brats_ftp_area", "aurc", "aurc_random", "e_aurc",
        "risk_kendall", "failure_auroc", "ood_fpr95", "rater_ncc_roi", "rater_ged", "n_voxels",
    ):  # fmt: skip
        assert quantity(key).label != key.replace("_", " ").capitalize(), key
    assert quantity("ueo_threshold_bits").unit == "bits"
    assert quantity("qu_brats_ftp_area").better == "lower"
    assert len({pattern for pattern, *_ in MEASURED}) == len(MEASURED)
