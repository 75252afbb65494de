"""Vectors of 64 numbers: every operation is NumPy's, on 64 of them."""

from __future__ import annotations

import operator
from itertools import product

import numpy as np
import pytest

from ckpt_uq.kernels import vectors as v
from ckpt_uq.kernels.jit import jit
from ckpt_uq.kernels.memory import start_of

DTYPES = ["uint8", "int16", "int32", "int64", "float32", "float64"]
OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}
BITWISE = {"and": operator.and_, "or": operator.or_}
COMPARISONS = {"eq": operator.eq, "le": operator.le, "ge": operator.ge, "gt": operator.gt}


def numbers(dtype, seed=0):
    """100 numbers of a small range, so that some are the same, the highest and the lowest included."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        special = [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, np.finfo(dtype).tiny / 4]
        return np.concatenate([special, rng.integers(-3, 4, 93) / 2]).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return np.concatenate([np.array([low, high], dtype), rng.integers(max(low, -3), 4, 98).astype(dtype)])


def as_bits(word):
    return np.array([word >> i & 1 for i in range(64)], bool)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "dtype"),
    [*product(OPERATORS, DTYPES), *product(BITWISE, [name for name in DTYPES if "int" in name])],
)
def test_operators_of_vectors_and_of_a_number(name, dtype):
    apply = {**OPERATORS, **BITWISE}[name]

    @jit
    def run(a, b, number, out):
        v.store(out, 0, apply(v.load(a, 5), v.load(b, 7)))
        v.store(out, 64, apply(v.load(a, 5), number))
        v.store(out, 128, apply(number, v.load(b, 7)))

    a, b = numbers(dtype, 1), numbers(dtype, 2)
    number, out = a.dtype.type(2), np.zeros(192, dtype)
    run(a, b, number, out)
    a, b = a[5:69], b[7:71]
    np.testing.assert_array_equal(out, np.concatenate([apply(a, b), apply(a, number), apply(number, b)]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_are_the_bits_of_a_word(name, dtype):
    compare = COMPARISONS[name]

    @jit
    def run(a, b, number):
        one = v.as_word(compare(v.load(a, 0), v.load(b, 0)))
        return one, v.as_word(compare(v.load(a, 0), number))

    a, b = numbers(dtype, 1), numbers(dtype, 2)
    words = run(a, b, b[20])
    np.testing.assert_array_equal(as_bits(words[0]), compare(a, b)[:64])
    np.testing.assert_array_equal(as_bits(words[1]), compare(a, b[20])[:64])


def test_bits_doubles_and_rounding():
    @jit
    def run(a, bits, up, filled, places):
        v.store(bits, 0, v.bits_of(v.load(a, 3)))
        v.store(up, 0, v.round_up(v.doubles(v.load(a, 3)) * 3.0))
        v.store(filled, 0, v.filled(np.float32(7)))
        v.store(places, 0, v.places())

    a = numbers("float32")
    bits, up = np.zeros(64, np.int32), np.zeros(64)
    filled, places = np.zeros(64, np.float32), np.zeros(64, np.int32)
    run(a, bits, up, filled, places)
    np.testing.assert_array_equal(bits, a[3:67].view(np.int32))
    np.testing.assert_array_equal(up, np.ceil(a[3:67].astype(np.float64) * 3))
    assert (filled == 7).all()
    assert places.tolist() == list(range(64))


def test_choices_by_truths_and_by_a_word():
    @jit
    def run(a, word, out):
        numbers = v.load(a, 0)
        v.store(out, 0, v.where(v.as_truths(word), numbers, np.int32(-5)))
        v.store(out, 64, v.where(numbers > np.int32(0), np.int32(-5), numbers))
        return v.as_word(v.as_truths(word))

    word = np.random.default_rng(3).integers(0, 2**64, dtype=np.uint64)
    a, out = numbers("int32"), np.zeros(128, np.int32)
    assert run(a, word, out) == word
    np.testing.assert_array_equal(out[:64], np.where(as_bits(int(word)), a[:64], -5))
    np.testing.assert_array_equal(out[64:], np.where(a[:64] > 0, -5, a[:64]))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_totals_wrap_around_like_sums(dtype):
    @jit
    def run(a):
        return v.total(v.load(a, 0))

    a = numbers(dtype)
    assert run(a) == a[:64].sum(dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_totals_of_floats_are_added_by_halves(dtype):
    @jit
    def run(a):
        return v.total(v.load(a, 0))

    a = np.random.default_rng(0).random(64).astype(dtype)
    expected = a
    while len(expected) > 1:
        expected = expected[: len(expected) // 2] + expected[len(expected) // 2 :]
    assert run(a) == expected[0]


def test_whole_numbers_as_integers():
    @jit
    def run(a, out):
        v.store(out, 0, v.integers(v.load(a, 0)))

    a, out = np.random.default_rng(0).integers(-(2**31), 2**31, 64).astype(np.float64), np.zeros(64, np.int32)
    run(a, out)
    np.testing.assert_array_equal(out, a)


def test_memory_behind_a_pointer():
    @jit
    def run(a, out):
        first = start_of(out)
        v.store(first, 10, v.load(start_of(a), 4))
        first[9] = first[10]

    a, out = numbers("float64"), np.zeros(80)
    run(a, out)
    np.testing.assert_array_equal(out[10:74], a[4:68])
    assert out[9] == out[10]
