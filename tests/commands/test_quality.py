"""``ckpt-uq quality``: what it uses, writes and says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ckpt_uq.io.scores_csv import read_scores, write_scores
from ckpt_uq.quality import fit_quality, load_quality
from command_line import here


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("known", "new"):
        rows = {}
        for i in range(10):
            bits = float(rng.uniform(0, 1))
            rows[f"{name}{i}"] = {
                "mean_entropy_bits": bits,
                "score_boundary_a": float(rng.normal()),
                "dice_mean": 1 - bits / 2 + float(rng.normal(0, 0.02)) * (bits < 0.9),
                "surface_dice_a": 1 - bits,
            }
        write_scores(tmp_path / f"{name}.csv", rows)
    return tmp_path / "known.csv", tmp_path / "new.csv"


def test_it_uses_what_no_truth_is_in(tables, tmp_path):
    known, new = tables
    out, saved = tmp_path / "foretold.csv", tmp_path / "quality.json"
    done = here("quality", known, new, "-o", out, "--save", saved, "--json")
    assert done.exit_code == 0, done.output
    said, rows = json.loads(done.stdout), read_scores(known)
    assert said["features"] == ["mean_entropy_bits", "score_boundary_a"]
    fit = fit_quality(rows, {name: row["dice_mean"] for name, row in rows.items()}, said["features"])
    assert said["r2"] == pytest.approx(fit.r2)
    assert load_quality(saved) == fit.model
    for name, row in read_scores(out).items():
        assert row["expected_error"] == pytest.approx(fit.model.expected_error(row))
        assert row["mean_entropy_bits"] == read_scores(new)[name]["mean_entropy_bits"]


def test_a_person_reads_what_it_is_worth(tables, tmp_path):
    options = ("--features", "mean_entropy_bits")
    done = here("quality", *tables, "-o", tmp_path / "out.csv", *options)
    assert done.exit_code == 0, done.output
    assert "dice_mean from 1 scores of 10 cases; foretold by the others it is off by" in done.stdout
    again = here("quality", *tables, "-o", tmp_path / "out.csv", "--dice", "dice_of_nothing")
    assert again.exit_code == 1
    assert "5 cases with a quality or more, got 0" in again.stderr
