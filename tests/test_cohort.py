from __future__ import annotations

import csv
from contextlib import ExitStack

import numpy as np
import pytest
import torch

from ckpt_uq import cohort, moments
from ckpt_uq.case_folder import class_entropy_name, clear
from ckpt_uq.cohort import run_cohort
from ckpt_uq.combining.writing import CaseWriter
from ckpt_uq.errors import DataError
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import read_volume
from ckpt_uq.maps import class_entropy
from ckpt_uq.prediction import of_moments

NAMES = ("a", "b", "c", "d")


def make(name, folder, report):
    clear(folder)
    return {"scores": {"score": float(NAMES.index(name))}, "contour_settings": {}}


def cases_in(table):
    with open(table, newline="") as file:
        return [row["case"] for row in csv.DictReader(file)]


def run(names, out, make=make):
    return run_cohort({name: {"of": name} for name in names}, out, make, elsewhere=NAMES)


def test_parts_of_a_cohort_share_one_table(tmp_path):
    assert cases_in(run("ac", tmp_path).scores) == ["a", "c"]
    outcome = run("bd", tmp_path)
    assert (outcome.made, outcome.kept) == (("b", "d"), ())
    assert cases_in(outcome.scores) == list(NAMES)


def test_a_case_that_another_process_ends_while_the_table_is_written_is_in_it(tmp_path, monkeypatch):
    written, write = [], cohort.write_scores

    def write_while_another_ends(path, rows):
        written.append(list(rows))
        if len(written) == 1:
            run("bd", tmp_path)
        write(path, rows)

    monkeypatch.setattr(cohort, "write_scores", write_while_another_ends)
    assert cases_in(run("ac", tmp_path).scores) == list(NAMES)


def test_what_fails_here_is_in_no_table(tmp_path):
    def fail(name, folder, report):
        raise DataError("no")

    run("b", tmp_path)
    outcome = run("ac", tmp_path, fail)
    assert list(outcome.failed) == ["a", "c"]
    assert cases_in(outcome.scores) == ["b"]


def of_one_member(probs, outputs, order):
    m = moments.init(len(probs), probs.shape[1:], outputs=outputs)
    given = torch.from_numpy(probs)
    moments.update(m, given.logit() if outputs == "regions" else given)
    return of_moments(m, order, torch.Tensor.numpy)


@pytest.mark.parametrize(("outputs", "order"), [("probs", None), ("regions", (1, 2, 3))])
def test_entropies_of_classes_are_written_slab_by_slab_and_cleared(tmp_path, outputs, order):
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], (5, 4, 3)).transpose(3, 0, 1, 2).astype(np.float32)
    geometry = Geometry((5, 4, 3), np.diag([1.0, 2, 3, 1]))
    with ExitStack() as stack:
        write = CaseWriter(stack, tmp_path, geometry, 3, order, save_probs=False, class_entropy=True)
        for start in (0, 2, 4):
            write(of_one_member(probs[:, start : start + 2], outputs, order))
    for index in range(1 if order is None else 0, 3):
        found = read_volume(tmp_path / class_entropy_name(index, order))
        np.testing.assert_allclose(found.data, class_entropy(probs)[index], atol=1e-6)
        np.testing.assert_array_equal(found.affine, geometry.affine)
    assert len(list(tmp_path.glob("entropy_*"))) == (2 if order is None else 3)
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
