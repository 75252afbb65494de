"""Compilation: lazy, remembered on disk, and possible where nothing can be written."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numba
import numpy as np
import pytest

from ckpt_uq.kernels.jit import jit


def _run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_nothing_is_compiled_on_import():
    script = """
        from ckpt_uq.kernels import bins, confusion, contour, entropy
        functions = [f for m in (bins, confusion, contour, entropy) for f in vars(m).values()]
        loops = [f for f in functions if hasattr(f, "nopython_signatures")]
        assert len(loops) >= 6, loops
        assert not any(loop.nopython_signatures for loop in loops)
    """
    done = _run(script)
    assert done.returncode == 0, done.stderr


def test_no_writable_cache_directory_is_no_obstacle(monkeypatch):
    def njit(*functions, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'f': no locator available for file '/read/only.py'")
        return real(*functions, **options)

    real = numba.njit
    monkeypatch.setattr(numba, "njit", njit)
    assert jit(lambda x: x + 1)(1) == 2


def test_other_errors_of_the_compiler_are_not_hidden(monkeypatch):
    def njit(**options):
        raise RuntimeError("out of registers")

    monkeypatch.setattr(numba, "njit", njit)
    with pytest.raises(RuntimeError, match="out of registers"):
        jit(np.sin)


def test_machine_code_is_remembered_on_disk(tmp_path):
    script = """
        import numpy as np
        from ckpt_uq.kernels import entropy
        entropy.entropy_bits(np.full((2, 3), 0.5), np.empty(3))
        print(sum(entropy._entropy.stats.cache_hits.values()))
    """
    runs = [_run(script, NUMBA_CACHE_DIR=str(tmp_path / "cache")) for _ in range(2)]
    assert [run.stdout.strip() for run in runs] == ["0", "1"], runs[-1].stderr
