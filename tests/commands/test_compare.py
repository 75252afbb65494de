"""``ckpt-uq compare``: what it compares and says."""

from __future__ import annotations

import json

import pytest

from ckpt_uq.evaluation.comparison import compare_cases
from ckpt_uq.io.scores_csv import read_scores, write_scores
from command_line import here


@pytest.fixture
def tables(tmp_path):
    for name, shift in (("ours", 0.1), ("theirs", 0.0)):
        rows = {
            f"c{i}": {"mean_entropy_bits": 0.1 * i, "dice_mean": 0.5 + i / 20 + shift, "ece_percent": 5.0 - i}
            for i in range(5)
        }
        write_scores(tmp_path / f"{name}.csv", rows)
    return tmp_path / "ours.csv", tmp_path / "theirs.csv"


def test_measures_of_quality_and_no_scores_of_uncertainty(tables):
    done = here("compare", *tables, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert set(said) == {"dice_mean", "ece_percent"}
    expected = compare_cases(*map(read_scores, tables), ["dice_mean"])["dice_mean"]
    assert said["dice_mean"]["difference"] == pytest.approx(expected.difference._asdict())
    assert said["dice_mean"]["permutation_p"] == 2 / 2**5
    assert said["ece_percent"]["wilcoxon_p"] == 1.0


def test_a_line_a_column(tables):
    done = here("compare", *tables, "--columns", "dice_mean")
    assert "dice_mean: 0.7 - 0.6 = 0.1 (0.1 to 0.1), p 0.0625, 0.0625, 5 cases" in done.stdout
    unknown = here("compare", *tables, "--columns", "nsd_mean")
    assert (unknown.exit_code, "nsd_mean is not" in unknown.stderr) == (1, True)
