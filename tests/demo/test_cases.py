from __future__ import annotations

import numpy as np
import pytest

from ckpt_uq.demo.cases import Case, SplitSizes, split_cases
from ckpt_uq.errors import DataError


def _cases(n: int) -> list[Case]:
    empty = np.zeros((1, 2, 2))
    return [Case(f"c{i:02d}", empty.astype(np.float32), empty.astype(np.uint8), np.eye(4)) for i in range(n)]


def _names(part: tuple[Case, ...]) -> list[str]:
    return [case.name for case in part]


def test_every_case_is_in_one_part():
    split = split_cases(_cases(20), SplitSizes(train=8, selection=4, calibration=3), seed=0)
    parts = [_names(part) for part in vars(split).values()]
    assert [len(part) for part in parts] == [8, 4, 3, 5]
    assert sorted(name for part in parts for name in part) == _names(tuple(_cases(20)))


def test_the_seed_decides():
    sizes = SplitSizes(train=8, selection=4, calibration=3, test=2)
    first, again, other = (split_cases(_cases(20), sizes, seed) for seed in (0, 0, 1))
    assert _names(first.test) == _names(again.test)
    assert _names(first.train) != _names(other.train)
    assert len(first.test) == 2


@pytest.mark.parametrize(("n", "test"), [(15, None), (16, 2)])
def test_too_few_cases_are_named(n, test):
    with pytest.raises(DataError, match=f"got {n}; complete the data"):
        split_cases(_cases(n), SplitSizes(train=8, selection=4, calibration=3, test=test), seed=0)
