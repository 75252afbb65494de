"""docs/benchmarks.md says what was measured, and the verdicts are those of the numbers."""

from __future__ import annotations

import json
import platform
import runpy
import shutil
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
KERNELS = ROOT / "benchmarks" / "kernels"


@pytest.fixture
def scripts(monkeypatch):
    """Load a script of benchmarks/kernels as its command does, and forget what it imported from beside it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(KERNELS))
    yield lambda name: runpy.run_path(str(KERNELS / f"{name}.py"))
    for name in set(sys.modules) - before:
        if (KERNELS / f"{name.split('.')[0]}.py").exists() or name.split(".")[0] == "tasks":
            del sys.modules[name]


def test_page_and_plots_are_of_the_committed_results(scripts):
    page = scripts("page")
    written = page["files"](page["read"]())
    assert len(written) == 4
    for path, text in written.items():
        assert (ROOT / "docs" / path).read_text() == text, f"run {page['__file__']}"


def test_results_say_what_they_were_measured_on(scripts):
    for part, found in scripts("page")["read"]().items():
        assert {"date", "machine", "versions", "size"} <= set(found), part
        assert {"torch", "numba", "netcal", "monai", "torchmetrics"} <= set(found["versions"])
        assert found["size"] != "quick"


def measured(ours, floor, peer, extra):
    """Results of the entropy alone."""
    times = {"floor": floor, "ckpt_uq, out=": ours, "scipy.stats.entropy": peer}
    ways = {name: {"median_ms": ms, "min_ms": ms / 2} for name, ms in times.items()}
    task = {"threads": {"1": {"ways": {}}, "2": {"ways": ways}}, "extra_mb": {"ckpt_uq, out=": extra}}
    return {"tasks": {"entropy": task}, "grid": [4, 4, 4], "n_classes": 4}


@pytest.mark.parametrize(
    ("ours", "floor", "peer", "extra", "verdicts"),
    [
        (15.0, 10.0, 300.0, 64.0, ["met", "met", "met"]),
        (15.2, 10.0, 304.0, 65.0, ["**not met**", "met", "**not met**"]),
        (14.0, 10.0, 270.0, 0.0, ["met", "**not met**", "met"]),
    ],
)
def test_verdicts(scripts, ours, floor, peer, extra, verdicts):
    rows = scripts("targets")["rows"](measured(ours, floor, peer, extra))
    assert [row[-1] for row in rows[1:]] == verdicts


def test_accumulators_are_no_extra_memory(scripts):
    targets = scripts("targets")
    assert targets["kept_mb"]("moments", [10, 10, 10], 4) == pytest.approx(0.02)
    assert targets["kept_mb"]("entropy", [10, 10, 10], 4) == 0


@pytest.mark.parametrize(
    "name", ["entropy", "contour", "calibration", "class_calibration", "dice", "moments"]
)
def test_truths_are_told_from_what_is_wrong(scripts, name):
    # every task's first way of ours is right, and a way that is off is seen to be
    task = scripts(f"tasks/{name}")["TASK"]
    case = scripts("case")["Case"]((6, 16, 16))
    truth = task.truth(case)
    result = next(iter(task.ours.values()))(case)()
    assert task.difference(result, truth) < 2e-6
    wrong = (
        tuple(np.asarray(part) + 0.25 for part in result) if name == "moments" else np.asarray(result) + 0.25
    )
    assert task.difference(wrong, truth) == pytest.approx(0.25, abs=1e-5)


def test_interleaved_ways_take_turns(scripts):
    turns = []
    ways = {name: lambda name=name: turns.append(name) for name in "ab"}
    found = scripts("stopwatch")["interleaved"](ways, rounds=3, budget=9.0)
    assert "".join(turns) == "ababab"
    assert [value["n"] for value in found.values()] == [3, 3]
    once = scripts("stopwatch")["interleaved"](ways, rounds=3, budget=0.0)
    assert [value["n"] for value in once.values()] == [1, 1]


def test_a_later_run_keeps_what_it_did_not_measure(scripts, monkeypatch, tmp_path):
    command = scripts("__main__")
    record = sys.modules["record"]
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    earlier = {"size": "normal", "grid": [2], "tasks": {"entropy": 1, "dice": 2}}
    (tmp_path / "kernels_tasks.json").write_text(json.dumps(earlier))
    kept = command["with_earlier"]("kernels_tasks", {"size": "normal", "grid": [2], "tasks": {"dice": 3}})
    assert kept["tasks"] == {"entropy": 1, "dice": 3}
    other = {"size": "normal", "grid": [3], "tasks": {"dice": 3}}
    assert command["with_earlier"]("kernels_tasks", other) == other


COUNT = """
import ctypes, json, mmap
from stepping import executed

allowed = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
memory = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE, prot=allowed)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
count_down = b"\\x48\\xff\\xcf" b"\\x75\\xfb" b"\\xc3"  # dec rdi; jne back; ret
fill = b"\\x48\\x89\\xf1" b"\\xf3\\xaa" b"\\xc3"  # mov rcx, rsi; rep stosb; ret
memory.write(count_down.ljust(64, b"\\x90") + fill)
function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_long)
down, repeat = function(start), function(start + 64)
target = ctypes.create_string_buffer(1000)

class Watched:
    def __call__(self, n):
        down(n, 0)

def shown(found):
    counts = {address - start: n for address, n in sorted(found.compiled.items())}
    return {"counts": list(counts.items()), "code": found.code[start].hex() if 0 in counts else "",
            "elsewhere": found.elsewhere}

watched = Watched()
print(json.dumps({
    "loop": [shown(executed(lambda: down(n, 0))) for n in (1, 70)],
    "string": shown(executed(lambda: repeat(ctypes.addressof(target), 1000))),
    "within": shown(executed(lambda: (down(9, 0), watched(5), down(9, 0), watched(3)), Watched)),
}))
"""
"""Loops of machine code, so that the number of instructions is known without a compiler."""


def test_every_instruction_is_counted():
    # in a process of its own: this one may have threads, which do not survive a fork
    command = [sys.executable, "-c", COUNT]
    done = subprocess.run(command, cwd=KERNELS, capture_output=True, text=True, check=False, timeout=60)
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        assert "needs Linux on x86-64" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    once, often = found["loop"]
    assert once["counts"] == [[0, 1], [3, 1], [5, 1]]
    assert often["counts"] == [[0, 70], [3, 70], [5, 1]]
    assert once["code"] == "48ffcf75fbc3" + 9 * "90"
    assert once["elsewhere"] > 100  # the interpreter's
    assert found["string"]["counts"] == [[64, 1], [67, 1], [69, 1]]
    assert found["within"]["counts"] == [[0, 8], [3, 8], [5, 2]]


def test_counting_says_where_it_is_possible(scripts, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(SystemExit, match=r"needs Linux on x86-64, and this is .* on aarch64"):
        scripts("stepping")["executed"](dict)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # vector, width, computes, loaded, stored, jump
        ("vfmadd213ps zmm1,zmm2,zmm3", (True, 64, True, 0, 0, False)),
        ("vaddps zmm0{k1}{z},zmm1,ZMMWORD PTR [rax+rcx*4]", (True, 64, True, 64, 0, False)),
        ("vmulps zmm0,zmm1,DWORD BCST [rip+0x10]        # 0x50", (True, 64, True, 4, 0, False)),
        ("vmovups zmm4,ZMMWORD PTR [rsi]", (True, 64, False, 64, 0, False)),
        ("vmovdqu8 XMMWORD PTR [rdi]{k1},xmm0", (True, 16, False, 0, 16, False)),
        ("vmovaps zmm1,zmm2", (True, 64, False, 0, 0, False)),
        ("vmovaps zmm1{k1},zmm2", (True, 64, True, 0, 0, False)),
        ("vbroadcastss zmm1,DWORD PTR [rax]", (True, 64, False, 4, 0, False)),
        ("vbroadcastss zmm1,xmm0", (True, 64, True, 0, 0, False)),
        ("{evex} vpsrad ymm1,YMMWORD PTR [rax],0x4", (True, 32, True, 32, 0, False)),
        ("vpminsd xmm0,xmm1,xmm2", (True, 16, True, 0, 0, False)),
        ("vpmovdb XMMWORD PTR [rax],zmm3", (True, 64, True, 0, 16, False)),
        ("vpgatherdd zmm1{k1},DWORD PTR [rax+zmm2*4]", (True, 64, True, 64, 0, False)),
        ("vpscatterqd DWORD PTR [rax+zmm2*4]{k1},ymm1", (True, 64, True, 0, 32, False)),
        ("kortestw k1,k1", (True, 8, True, 0, 0, False)),
        ("vaddsd xmm0,xmm1,QWORD PTR [rax]", (False, 16, True, 8, 0, False)),
        ("vmovsd QWORD PTR [rax],xmm1", (False, 16, False, 0, 8, False)),
        ("vcvttsd2si rax,xmm1", (False, 16, True, 0, 0, False)),
        ("vmovd eax,xmm0", (False, 16, True, 0, 0, False)),
        ("mov rax,QWORD PTR [rsp+0x8]", (False, 0, False, 8, 0, False)),
        ("mov BYTE PTR fs:[rdi],al", (False, 0, False, 0, 1, False)),
        ("lock inc QWORD PTR [rcx]", (False, 0, False, 8, 8, False)),
        ("add QWORD PTR [rcx],rax", (False, 0, False, 8, 8, False)),
        ("cmp QWORD PTR [rcx],rax", (False, 0, False, 8, 0, False)),
        ("setb BYTE PTR [rcx]", (False, 0, False, 0, 1, False)),
        ("push QWORD PTR [rcx]", (False, 0, False, 8, 8, False)),
        ("pop rbx", (False, 0, False, 8, 0, False)),
        ("call rax", (False, 0, False, 0, 8, False)),
        ("lea rax,[rcx+rdx*8]", (False, 0, False, 0, 0, False)),
        ("data16 cs nop WORD PTR [rax+rax*1+0x0]", (False, 0, False, 0, 0, False)),
        ("jne 0x7f00", (False, 0, False, 0, 0, True)),
        ("jmp QWORD PTR [rax*8+0x10]", (False, 0, False, 8, 0, False)),
        ("vzeroupper", (False, 0, False, 0, 0, False)),
    ],
)
def test_what_an_instruction_does(scripts, text, kind):
    assert tuple(vars(scripts("machine_code")["instruction"](text)).values()) == kind


def test_instructions_are_read_wherever_they_lie(scripts, monkeypatch):
    # the first is followed by the beginning of one that would swallow the next if it were read on
    add = bytes.fromhex("62f1744858 00")
    code = {70: add + b"\x48\xb8" * 4 + b"\x48", 30: b"\xc3", 50: b"\x75\xfb"}
    instructions = scripts("instructions")
    executed = sys.modules["stepping"].Executed({70: 10, 30: 1, 50: 4}, code, 0)
    if shutil.which("objdump"):
        total = instructions["tally"](executed)
        expected = {"instructions": 15, "jumps": 4, "vector": 10, "bytes_loaded": 648, "bytes_stored": 0}
        assert total == {**expected, "computed_64": 10, "loaded_64": 10}
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="install binutils"):
        instructions["tally"](executed)


def test_strips_are_as_unsure_as_the_case(scripts):
    instructions, case = scripts("instructions"), sys.modules["case"].Case((24, 64, 64))
    strips = list(instructions["strips"](case, 6, 9))
    assert [strip.grid for strip in strips] == 6 * [(2, 4, 64)]
    assert [strip.grid for strip in instructions["strips"](case, 1, 300)] == [(5, 60, 64)]
    assert len({strip.probs.tobytes() for strip in strips}) == 6
    unsure = [(of.probs.max(0) < instructions["SURE"]).mean() for of in (case, *strips)]
    assert np.mean(unsure[1:]) == pytest.approx(unsure[0], rel=0.1)


def test_what_a_call_costs_is_no_cost_of_a_voxel(scripts, monkeypatch):
    scripts("instructions")
    module = import_module("instructions")
    monkeypatch.setattr(module, "executed", lambda run, within=None: SimpleNamespace(n=run(), elsewhere=77))
    monkeypatch.setattr(module, "tally", lambda found: Counter(instructions=900 + 3 * found.n, jumps=found.n))
    monkeypatch.setattr(module, "clock_ghz", lambda: 2.5)
    case = sys.modules["case"].Case((16, 32, 32))
    found = module.counted(lambda strip: lambda: strip.n_voxels, case, budget=15_000)
    assert found["per_voxel"] == {"instructions": 3.0, "jumps": 1.0}
    assert (
        found["n_voxels"] == 8 * (19 // 2 * 2 - 1) * 32
    )  # 15,000 / 8 instructions are 19 rows of two planes
    assert (found["elsewhere"], found["clock_ghz"], found["grid"]) == (77, 2.5, [16, 32, 32])


PEAK = {"name": "Some", "started": 6, "computed": 4, "loaded": 2, "stored": 1, "register_bytes": 32}


@pytest.mark.parametrize(
    ("per_voxel", "cycles", "busy"),
    [
        ({"instructions": 13.0, "jumps": 1.0, "computed_64": 3.0}, 2.0, "starting"),
        ({"instructions": 6.0, "jumps": 0.0, "computed_64": 3.0, "computed_8": 4.0}, 2.5, "computing"),
        ({"instructions": 6.0, "jumps": 0.0, "loaded_64": 2.0, "loaded_4": 1.0}, 2.5, "loading"),
        ({"instructions": 6.0, "jumps": 0.0, "stored_64": 1.0, "stored_32": 1.0}, 3.0, "storing"),
    ],
)
def test_the_least_time_of_instructions(scripts, per_voxel, cycles, busy):
    limits = scripts("limits")
    counted = {"per_voxel": per_voxel, "grid": [10, 1000, 100], "clock_ghz": 4.0}
    assert limits["least_ms"](counted, PEAK) == (pytest.approx(cycles / 4), busy)
    assert limits["per_cycle"](counted, 0.5) == pytest.approx(per_voxel["instructions"] / 2)


def test_page_shows_instructions_where_they_were_counted(scripts):
    page = scripts("page")
    results = page["read"]()
    each = {"instructions": 12.0, "jumps": 0.0, "vector": 9.0, "bytes_loaded": 40.0, "bytes_stored": 1.25}
    task = {"per_voxel": each, "grid": [64, 512, 512], "clock_ghz": 2.0, "elsewhere": 123_456}
    counted = {"date": "2024-02-03", "at_most": PEAK, "tasks": {"entropy": task}}
    shown = page["page"]({**results, "instructions": counted})
    assert "| Predictive entropy | 12 | 75% | 40 | 1.25 |" in shown
    assert "| 16.8 | starting |" in shown  # two cycles for each of 2**24 voxels, at 2 GHz
    unknown = page["page"]({**results, "instructions": {**counted, "at_most": None}})
    assert "| 12 | 75% |" in unknown
    assert "starting" not in unknown
    assert "busy with" not in unknown
    results.pop("instructions", None)
    assert "What computing consists of" in shown
    assert "What computing consists of" not in page["page"](results)
