"""What the C library keeps of freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from ckpt_uq.adapters.nnunet import freed_memory

SCRATCH = """
from pathlib import Path
from ckpt_uq.adapters.nnunet.freed_memory import give_back

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

blocks = [bytes(60_000) for _ in range(2_000)]  # too small to be mapped one by one
blocks[:-1] = []  # the last one lives on, above them all
before = resident_mb()
give_back()
print(before - resident_mb())
"""


def test_freed_memory_goes_back_where_the_library_can_be_asked():
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        done = subprocess.run([sys.executable, "-c", SCRATCH], capture_output=True, text=True, check=True)
        assert float(done.stdout) > 60
    freed_memory.give_back()


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_elsewhere_nothing_happens(monkeypatch, error):
    def no_library(name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    freed_memory._malloc_trim.cache_clear()
    freed_memory.give_back()
    freed_memory._malloc_trim.cache_clear()
