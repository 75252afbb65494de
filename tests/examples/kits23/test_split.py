"""Who is trained on and who is tested: the paper's numbers, and properties that any number of cases has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.errors import ArgumentError
from kits23.preparing.checkout import EXPECTED
from kits23.preparing.split import Split, split_cases


def test_there_are_489_public_cases() -> None:
    assert len(EXPECTED) == len(set(EXPECTED)) == 489
    assert (EXPECTED[0], EXPECTED[299], EXPECTED[300], EXPECTED[-1]) == (
        "case_00000",
        "case_00299",
        "case_00400",
        "case_00588",
    )


def test_paper_tests_89_and_has_folds_of_320_and_80() -> None:
    split = split_cases(EXPECTED)
    assert len(split.test) == 89
    assert [(len(fold["train"]), len(fold["val"])) for fold in split.folds] == [(320, 80)] * 5


def test_benchmark_tests_122() -> None:
    split = split_cases(EXPECTED, "benchmark")
    assert len(split.test) == 122
    assert sorted(len(fold["val"]) for fold in split.folds) == [73, 73, 73, 74, 74]


@given(st.integers(6, 60), st.sampled_from(["paper", "benchmark"]), st.integers(0, 5))
def test_every_case_is_validated_once_or_tested(n: int, kind: str, seed: int) -> None:
    names = [f"case_{number:05d}" for number in range(n)]
    split = split_cases(names, kind, seed)
    validated = [name for fold in split.folds for name in fold["val"]]
    assert sorted([*validated, *split.test]) == names
    for fold in split.folds:
        assert sorted([*fold["train"], *fold["val"]]) == split.development
        assert fold["val"]


def test_split_is_the_seed_s_and_not_the_order_s() -> None:
    names = [f"case_{number:05d}" for number in range(30)]
    assert split_cases(names, seed=3) == split_cases(names[::-1], seed=3)
    assert split_cases(names, seed=3) != split_cases(names, seed=4)


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        (["a"] * 9, "paper", "different"),
        (list("abcde"), "paper", "more than 5"),
        (list("abcdefgh"), "ours", "paper, benchmark"),
    ],
)
def test_impossible_splits_are_refused(names: list[str], kind: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        split_cases(names, kind)


def test_test_cases_are_in_no_fold() -> None:
    split = split_cases([f"case_{number:05d}" for number in range(12)])
    assert isinstance(split, Split)
    assert len(split.test) == 4
    assert set(split.test).isdisjoint(split.development)
