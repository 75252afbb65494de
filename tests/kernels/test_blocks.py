"""Blocks: every row once, the same result for any number of threads, callers and forks."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq.kernels import blocks, entropy


@pytest.fixture
def threads(monkeypatch):
    """Set the number of threads for one test."""

    def set_threads(count):
        monkeypatch.setattr(blocks, "_pool", None)
        monkeypatch.setattr(blocks, "thread_count", lambda: count)

    return set_threads


@given(st.integers(0, 300_000), st.integers(0, 200_000))
def test_blocks_cover_every_row_once_in_order(n_rows, row_voxels):
    parts = blocks.map_blocks(lambda start, stop: (start, stop), min(n_rows, 2000), row_voxels)
    assert [row for start, stop in parts for row in range(start, stop)] == list(range(min(n_rows, 2000)))


def test_blocks_are_bounded_in_voxels():
    parts = blocks.map_blocks(lambda start, stop: stop - start, 1000, row_voxels=1000)
    assert max(parts) * 1000 <= blocks.BLOCK_VOXELS < (max(parts) + 1) * 1000


@pytest.mark.parametrize("contiguous", [True, False])
def test_rows_are_views(contiguous):
    probs = np.zeros((3, 1, 4, 5, 6))[..., :: 1 if contiguous else 2]
    grid = np.zeros(probs.shape[1:])
    rows, target = blocks.as_rows(probs, grid)
    assert rows.shape == ((3, 120) if contiguous else (3, 4, 5, 3))
    assert target.shape == rows.shape[1:]
    assert np.shares_memory(rows, probs)
    assert np.shares_memory(target, grid)


def _probs(n_voxels=300_000, seed=0):
    probs = np.random.default_rng(seed).random((3, n_voxels))
    return probs / probs.sum(0)


def _entropy(probs):
    out = np.empty(probs.shape[1])
    seen = entropy.entropy_bits(probs, out)
    return out.tobytes(), seen


def test_one_thread_and_many_agree_to_the_last_bit(threads):
    threads(1)
    alone = _entropy(_probs())
    for count in (2, 5):
        threads(count)
        assert _entropy(_probs()) == alone


def test_threads_are_used(threads):
    threads(2)
    both = threading.Barrier(2)  # is passed only if two blocks run at a time

    def name(start, stop):
        both.wait(timeout=60)
        return threading.current_thread().name

    first, second = sorted(blocks.map_blocks(name, 2, blocks.BLOCK_VOXELS))
    assert first == threading.current_thread().name
    assert second.startswith("ckpt_uq")


def test_a_thread_that_never_wakes_up_is_not_waited_for(threads):
    threads(2)
    asleep = threading.Event()
    blocker = blocks._get_pool().submit(asleep.wait, 60)
    other = blocks._get_pool().submit(asleep.wait, 60)
    assert blocks.map_blocks(lambda start, stop: start, 4, blocks.BLOCK_VOXELS) == [0, 1, 2, 3]
    assert not blocker.done()
    asleep.set()
    other.result()


def test_concurrent_callers_do_not_disturb_each_other(threads):
    threads(2)
    every = [_probs(seed=seed) for seed in range(4)]
    alone = [_entropy(probs) for probs in every]
    with ThreadPoolExecutor(4) as callers:
        assert list(callers.map(_entropy, every * 3)) == alone * 3


def test_an_error_in_a_block_reaches_the_caller(threads):
    threads(2)

    def fail(start, stop):
        raise ZeroDivisionError(start)

    with pytest.raises(ZeroDivisionError):
        blocks.map_blocks(fail, 10, 1 << 16)


def test_forked_child_computes_the_same():
    script = """
        import os, signal, sys
        import numpy as np
        from ckpt_uq.kernels import blocks, entropy

        blocks.thread_count = lambda: 2
        probs = np.full((2, 300_000), 0.5)

        def entropy_sum():
            out = np.empty(300_000)
            entropy.entropy_bits(probs, out)
            return out.sum()

        assert entropy_sum() == 300_000
        blocks._pool_lock.acquire()  # as if another thread were starting the pool right now
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(0 if entropy_sum() == 300_000 else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
