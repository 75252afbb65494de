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
        entropy.entropy_bits(np.full((2, 3), 0.5, np.float32), np.empty(3, np.float32))
        print(sum(entropy._entropy_of(2).stats.cache_hits.values()))
    """
    runs = [_run(script, NUMBA_CACHE_DIR=str(tmp_path / "cache")) for _ in range(2)]
    assert [run.stdout.strip() for run in runs] == ["0", "1"], runs[-1].stderr


def test_machine_code_is_of_these_sources_and_written_by_one_process(tmp_path):
    # a loop's code holds what it calls, so a changed helper must not meet an old loop; and numba numbers the
    # signatures' files, so that two processes may write one file with different contents
    script = """
        import numpy as np
        from ckpt_uq.kernels import confusion, jit
        labels = np.zeros(3, {dtype})
        confusion.confusion(labels, labels, 2)
        print(jit._DIGEST)
    """
    cache = tmp_path / "cache"
    runs = [_run(script.format(dtype=dtype), NUMBA_CACHE_DIR=str(cache)) for dtype in ("'uint8'", "'int16'")]
    (digest,) = {run.stdout.strip() for run in runs}
    assert len(digest) == 12
    files = sorted(path.name for path in cache.rglob("confusion*.nb?"))
    assert files
    assert all(digest in file for file in files)


def test_two_processes_never_choose_one_file():
    files = {jit(lambda x: x)._cache._cache_file._data_name(1) for _ in range(2)}
    assert len(files) == 2


VECTORS = r"""
    import re
    import numpy as np
    from ckpt_uq.kernels import entropy

    p = np.full((4, 5000), 0.25, np.float32)
    entropy.entropy_bits(p, np.empty(5000, np.float32))
    entropy.largest(p, np.empty(5000, np.float32))
    entropy.binary_entropy_bits(p, np.empty_like(p))

    def code(loop):
        return "\n".join(loop.inspect_llvm().values())

    for loop in (entropy._entropy_of(4), entropy._largest, entropy._binary_entropy):
        found = code(loop)
        assert re.search(r"fmul .*<\d+ x float>|fcmp .*<\d+ x float>", found), loop
        assert not re.search(r"masked.gather|masked.scatter|@.*log2\(|<\d+ x i64> .*sext", found), loop
"""


def test_loops_are_made_of_vector_operations(tmp_path):
    done = _run(VECTORS, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


MORE_VECTORS = r"""
    import re
    import numpy as np
    import torch
    from ckpt_uq import moments
    from ckpt_uq.kernels import bins, books, confusion, contour, sorting, top
    from ckpt_uq.kernels.moments import _finish, _fold_of

    p, labels = np.full((4, 5000), 0.25, np.float32), np.zeros((5, 10, 100), np.uint8)
    for top_label in (True, False):
        bins.sort_into_bins(p, labels.reshape(-1), None, np.arange(16) / 15, top_label=top_label)
    contour.label_contours(labels, np.ones((3, 3, 3), bool), range(4))
    confusion.confusion(labels, labels, 4)
    top.top(p, 0, *(np.empty(5000, kind) for kind in (np.float32, np.uint8, np.float32)))
    moments.update(moments.init(4, (5000,)), torch.zeros(4, 5000))
    moments.update(moments.init(4, (5000,), outputs="probs"), torch.full((4, 5000), 0.25))
    for loop, vectors in (
        (top._TOP_4, r"fcmp .*<\d+ x float>"),
        (sorting._sort_each, r"icmp sgt <64 x i32>"),
        (sorting._sort_each, r"fpext <64 x float>"),
        (sorting._sort_likeliest, r"fcmp .*<64 x float>"),
        (books._split, r"lshr <\d+ x i64>"),
        (confusion.count_classes, r"icmp eq <64 x i8>"),
        (contour._pack_whole, r"icmp eq <64 x i8>"),
        (contour._unite_straight, r"or <\d+ x i64>"),
        (contour._unite_leaning, r"shl <\d+ x i64>"),
        (contour._count_outside, r"ctpop.v\d+i64"),
        (_fold_of(4), r"fmul .*<\d+ x float>"),
        (_finish, r"fdiv .*<\d+ x float>"),
    ):
        found = "\n".join(loop.inspect_llvm().values())
        assert re.search(vectors, found), (loop, vectors)
        assert not re.search(r"masked.gather|masked.scatter|@.*(log2|exp2?f?)\(", found), loop
"""


@pytest.mark.slow
def test_counting_and_folding_are_made_of_vector_operations_too(tmp_path):
    done = _run(MORE_VECTORS, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
