"""``ckpt-uq combine`` as a process: what it prints, how it ends, and what a kill leaves."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ckpt_uq.case_folder import DONE, read_done
from ckpt_uq.cli import app
from ckpt_uq.combining.cohort import combine_cohort
from reference.combined import combined
from reference.member_folders import folders, save_case, save_members

COMMAND = [sys.executable, "-c", "from ckpt_uq.cli import main; main()", "combine"]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "combine_memory.py"


def run(*arguments: object, code: str | None = None) -> subprocess.CompletedProcess[str]:
    command = COMMAND if code is None else [sys.executable, "-c", code, "combine"]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )


def run_here(*arguments: object) -> Result:
    """The same within this process, where nothing hangs on it being another."""
    return CliRunner().invoke(app, ["combine", *map(str, arguments)], env={"COLUMNS": "200"})


def content(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_cohort_is_combined_and_told_in_one_line(tmp_path):
    saved = save_members(tmp_path, ["a", "b"], dtype="float16")
    done = run(*folders(tmp_path), "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, f"2 combined: {tmp_path / 'out'}\n")
    assert "Traceback" not in done.stderr
    found = nib.load(tmp_path / "out/cases/b/entropy.nii.gz").get_fdata().T
    np.testing.assert_allclose(found, combined(saved["b"])["entropy"], rtol=0, atol=1e-6)
    again = run(*folders(tmp_path), "-o", tmp_path / "out")
    assert (again.returncode, again.stdout) == (0, f"2 finished before: {tmp_path / 'out'}\n")


def test_a_bad_case_is_named_and_gives_code_3_and_json_stays_json(tmp_path):
    save_members(tmp_path, ["a", "bad", "c"])
    (tmp_path / "member_2/bad.npz").write_bytes(b"")
    (tmp_path / "member_1/c.npz").unlink()
    done = run(*folders(tmp_path), "-o", tmp_path / "out", "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert (told["combined"], told["kept"], sorted(told["failed"])) == (["a"], [], ["bad", "c"])
    assert Path(told["scores"]).read_text().count("\n") == 2
    assert "bad failed: " in done.stderr
    assert "c failed: every member must have c, it is missing in " in done.stderr
    assert "Traceback" not in done.stderr


def test_options_reach_the_library(tmp_path):
    save_members(tmp_path, ["a"], n_members=2)
    options = (
        "--weights",
        "1,3",
        "--regions",
        "3,1,2",
        "--slice-axis",
        "1",
        "--save-probs",
        "--class-entropy",
    )
    assert run_here(*folders(tmp_path), "-o", tmp_path / "out", *options).exit_code == 0
    assert read_done(tmp_path / "out/cases/a")["settings"] == {
        "members": [str(folder) for folder in folders(tmp_path)],
        "weights": [1.0, 3.0],
        "region_order": [3, 1, 2],
        "slice_axis": 1,
    }
    assert (tmp_path / "out/cases/a/mean_probs.npz").is_file()
    assert (tmp_path / "out/cases/a/entropy_region_0.nii.gz").is_file()
    assert run_here(*folders(tmp_path), "-o", tmp_path / "out").exit_code == 1
    assert run_here(*folders(tmp_path), "-o", tmp_path / "out", "--overwrite").stdout.startswith("1 combined")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{root}/member_0", "{root}/nowhere", "-o", "{root}/out"], 1, "found none at {root}/nowhere"),
        (["{root}/member_0", "-o", "{root}/member_0/a.npz/out"], 1, "out must be a folder"),
        (
            ["{root}/member_0", "-o", "{root}/out", "--weights", "1,2"],
            1,
            "weights must be 1 positive numbers",
        ),
        (
            ["{root}/member_0", "-o", "{root}/out", "--weights", "one"],
            2,
            "with commas between them, got 'one'",
        ),
        (["{root}/member_0", "-o", "{root}/out", "--slice-axis", "7"], 2, "--slice-axis"),
        (["{root}/member_0"], 2, "--out"),
        (["-o", "{root}/out"], 2, "MEMBER_DIR"),
    ],
)
def test_an_error_is_one_message_without_traceback(tmp_path, arguments, code, message):
    save_members(tmp_path, n_members=1)
    done = run_here(*(text.format(root=tmp_path) for text in arguments))
    assert done.exit_code == code
    assert message.format(root=tmp_path) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def read_only_folder(tmp_path: Path) -> Path:
    """A folder that this user, root or not, cannot write to."""
    if os.geteuid() == 0:
        return Path("/proc/self")
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o555)
    return folder


def test_a_read_only_output_is_one_message(tmp_path):
    save_members(tmp_path, n_members=1)
    done = run_here(*folders(tmp_path), "-o", read_only_folder(tmp_path) / "out")
    assert done.exit_code == 1
    assert "out must be a folder that can be written to" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pickle_beside_is_never_opened(tmp_path):
    save_members(tmp_path)
    code = """
import atexit, sys
seen = []  # told at the end: files are opened side by side, and lines of two threads would mix
def watch(event, arguments):
    if event == "open":
        seen.append(f"opened {arguments[0]}")
sys.addaudithook(watch)
atexit.register(lambda: print(*seen, sep="\\n", file=sys.stderr))
from ckpt_uq.cli import main
main()
"""
    done = run(*folders(tmp_path), "-o", tmp_path / "out", code=code)
    opened = [line.split(" ", 1)[1] for line in done.stderr.splitlines() if line.startswith("opened ")]
    assert done.returncode == 0
    assert str(tmp_path / "member_0/a.npz") in opened
    assert [path for path in opened if path.startswith(str(tmp_path)) and path.endswith(".pkl")] == []


def started(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that has finished some of its cases, but by far not all."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, folders(tmp_path)), "-o", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not list((tmp_path / "out").glob(f"cases/*/{DONE}")):
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
def test_what_was_stopped_goes_on_where_it_was(tmp_path, sent, code):
    names = [f"case_{index:02d}" for index in range(30)]
    probs = save_members(tmp_path, names[:1], n_members=2, shape=(3, 8, 64, 64))[names[0]]
    for index, folder in enumerate(folders(tmp_path)):
        for name in names[1:]:
            save_case(folder, name, probs[index])
    process = started(tmp_path)
    time.sleep(0.05)
    process.send_signal(sent)
    process.communicate()
    assert process.returncode == code
    finished = [path.parent.name for path in (tmp_path / "out").glob(f"cases/*/{DONE}")]
    assert 0 < len(finished) < len(names)
    for name in finished:
        assert nib.load(tmp_path / f"out/cases/{name}/entropy.nii.gz").get_fdata().shape == (64, 64, 8)
    if sent == signal.SIGINT:
        assert list((tmp_path / "out").rglob(".tmp-*")) == []

    resumed = run(*folders(tmp_path), "-o", tmp_path / "out", "--json")
    told = json.loads(resumed.stdout)
    assert told["kept"] == sorted(finished)
    assert sorted(told["kept"] + told["combined"]) == names
    combine_cohort(folders(tmp_path), tmp_path / "at_once")
    assert content(tmp_path / "out") == content(tmp_path / "at_once")


@pytest.mark.slow
def test_memory_is_that_of_slabs_for_any_number_of_members(tmp_path):
    """On 9 members of 4 classes and 64 x 512 x 512 voxels, 2.4 GB in all."""
    spec = importlib.util.spec_from_file_location("combine_memory", BENCHMARK)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    benchmark.write_members(tmp_path, 9, (64, 512, 512))
    few, many = (benchmark.measure_in_fresh_process(tmp_path, n, "streamed") for n in (3, 9))
    loaded = benchmark.measure_in_fresh_process(tmp_path, 3, "loaded")
    assert (few["n_members"], many["n_members"]) == (3, 9)
    assert loaded["extra_mb"] > 3 * 268  # so it is memory that is measured
    assert many["extra_mb"] < 250
    assert many["extra_mb"] < few["extra_mb"] + 30
