"""``predict --save-members``: what each member says, on disk and as scores; and what evaluate makes of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ckpt_uq.evaluation import dmax, ged
from ckpt_uq.io.scores_csv import read_scores
from command_line import here
from commands_tiny import image_of, save_nifti

STEPS = ("--model", "my_network:make", "--preprocess", "my_network:tenth", "--inferer", "slices")


@pytest.fixture
def predicted(in_tiny, images, tmp_path):
    out = tmp_path / "out"
    done = here("predict", in_tiny.run, *STEPS, images, "-o", out, "--save-members")
    assert done.exit_code == 0, done.output
    return out


def labels_of(tiny, index):
    return np.stack([logits.argmax(axis=0) for logits in tiny.logits(image_of(index) / 10)])


def test_labels_and_scores_are_the_members(in_tiny, predicted):
    rows = read_scores(predicted / "scores.csv")
    for index, name in enumerate("abc"):
        with np.load(predicted / "cases" / name / "member_labels.npz") as arrays:
            np.testing.assert_array_equal(arrays["labels"], labels_of(in_tiny, index))
        one, other = labels_of(in_tiny, index)
        for k in (1, 2):
            a, b = one == k, other == k
            dice = 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else 1.0
            assert rows[name][f"score_pairwise_dice_class_{k}"] == pytest.approx(1 - dice)
            sizes = np.array([a.sum(), b.sum()])
            spread = np.ptp(sizes) / sizes.mean() if sizes.any() else np.nan
            assert rows[name][f"score_volume_spread_class_{k}"] == pytest.approx(spread, nan_ok=True)


def test_they_are_held_against_raters_and_failure(in_tiny, predicted, tmp_path):
    (tmp_path / "raters").mkdir()
    for index, name in enumerate("abc"):
        truth = (image_of(index) % 3).astype(np.uint8)
        save_nifti(tmp_path / "labels" / f"{name}.nii.gz", truth)
        np.savez(tmp_path / "raters" / f"{name}.npz", raters=np.stack([truth, np.roll(truth, 1, 2)]))
    options = ("--raters", tmp_path / "raters", "--json")
    done = here("evaluate", predicted, tmp_path / "labels", "-o", tmp_path / "scored", *options)
    assert done.exit_code == 0, done.output
    metrics = json.loads(done.stdout)
    assert "score_pairwise_dice_class_2" in metrics["failure_detection"]["rows"]
    row = metrics["raters"]["rows"]["mean over cases"]
    pairs = []
    for index, name in enumerate("abc"):
        with np.load(tmp_path / "raters" / f"{name}.npz") as arrays:
            pairs.append((labels_of(in_tiny, index), arrays["raters"]))
    assert row["rater_ged"]["estimate"] == pytest.approx(np.mean([ged(s, r, 3) for s, r in pairs]))
    assert row["rater_dmax"]["estimate"] == pytest.approx(np.mean([dmax(s, r, 3) for s, r in pairs]))


def test_cases_made_without_are_made_again(in_tiny, images, tmp_path):
    call = ("predict", in_tiny.run, *STEPS, images, "-o", tmp_path / "out", "--json")
    assert len(json.loads(here(*call).stdout)["predicted"]) == 3
    assert len(json.loads(here(*call, "--save-members").stdout)["predicted"]) == 3
    assert len(json.loads(here(*call, "--save-members").stdout)["kept"]) == 3
