"""``ckpt-uq predict``: the right maps on the right grid, whatever becomes of other cases or the process."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ckpt_uq.case_folder import DONE, read_done
from command_line import COMMAND, WIDE, here, process
from commands_tiny import AFFINE, SHAPE, image_of, save_nifti
from reference import moments

GOLDEN = Path(__file__).parent / "golden"
SLICES = ("--inferer", "slices")
TENTH = ("--preprocess", "my_network:tenth")
MAKE = ("--model", "my_network:make")


def maps_of(folder: Path) -> dict[str, np.ndarray]:
    """The maps of a case, by nibabel alone, (z, y, x)."""
    names = ("segmentation", "entropy", "mutual_information")
    return {name: np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj).T for name in names}


def require_maps(folder: Path, expected: dict[str, np.ndarray]) -> None:
    found = maps_of(folder)
    np.testing.assert_array_equal(found["segmentation"], expected["mean_prob"].argmax(0))
    np.testing.assert_allclose(found["entropy"], expected["predictive_entropy"], rtol=0, atol=2e-6)
    np.testing.assert_allclose(found["mutual_information"], expected["mutual_information"], rtol=0, atol=2e-6)


def content(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_cohort_as_a_shell_sees_it(tiny, images, tmp_path):
    out = tmp_path / "out"
    call = ("predict", tiny.run, *MAKE, *TENTH, *SLICES, images, "-o", out, "--save-probs")
    done = process(*call, cwd=tiny.folder)
    assert (done.returncode, done.stdout) == (0, f"3 predicted: {out}\n")
    assert "Traceback" not in done.stderr
    for index, name in enumerate("abc"):
        expected = moments.ensemble(tiny.logits(image_of(index) / 10), "logits")
        require_maps(out / "cases" / name, expected)
        with np.load(out / "cases" / name / "mean_probs.npz") as arrays:
            np.testing.assert_allclose(arrays["probabilities"], expected["mean_prob"], rtol=0, atol=5e-4)
    again = process(*call, "--json", cwd=tiny.folder)
    assert again.returncode == 0
    assert json.loads(again.stdout) == {
        "out": str(out),
        "scores": str(out / "scores.csv"),
        "predicted": [],
        "kept": ["a", "b", "c"],
        "failed": {},
    }


def test_a_tiny_case_stays_what_it_was(in_tiny, images, tmp_path):
    done = here("predict", in_tiny.run, *MAKE, *TENTH, *SLICES, images / "b.nii.gz", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    golden = json.loads((GOLDEN / "predict.json").read_text())
    said = read_done(tmp_path / "out/cases/b")
    assert said["scores"] == pytest.approx(golden["scores"], abs=1e-5)
    assert None not in said["scores"].values()
    assert said["contour_settings"] == golden["contour_settings"]
    assert maps_of(tmp_path / "out/cases/b")["segmentation"].tolist() == golden["segmentation"]
    with open(tmp_path / "out/scores.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row.pop("case") == "b"
    assert json.loads(row.pop("contour_settings")) == golden["contour_settings"]
    assert {name: float(text) for name, text in row.items()} == said["scores"]


def test_place_and_header_are_the_inputs(in_tiny, images, tmp_path):
    done = here("predict", in_tiny.run, *MAKE, *TENTH, *SLICES, images, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    for name in ("segmentation", "entropy", "mutual_information"):
        given = nib.load(images / "a.nii.gz")
        made = nib.load(tmp_path / f"out/cases/a/{name}.nii.gz")
        assert made.affine.tobytes() == given.affine.tobytes()
        assert made.shape == given.shape
        assert bytes(made.header["descrip"]) == bytes(given.header["descrip"])
        assert made.get_data_dtype() == (np.uint8 if name == "segmentation" else np.float32)


def test_a_3d_network_needs_no_slices(in_tiny, images, tmp_path):
    run_3d(in_tiny, tmp_path / "run_3d")
    call = ("--model", "my_network:make_3d", *TENTH, images / "c.nii.gz", "-o", tmp_path / "out")
    assert here("predict", tmp_path / "run_3d", *call).exit_code == 0
    require_maps(tmp_path / "out/cases/c", moments.ensemble(in_tiny.logits(image_of(2) / 10), "logits"))


def run_3d(tiny, folder: Path) -> None:
    import torch

    from ckpt_uq.selection import PeakCheckpointSelector

    selector = PeakCheckpointSelector(folder, cycles=[1, 1], k=1, min_gain=None)
    for epoch, (slope, offset) in enumerate(tiny.weights):
        weight = torch.tensor(slope).float()[:, None, None, None, None]
        selector.step(epoch, 0.5, {"weight": weight, "bias": torch.tensor(offset).float()})


def test_without_preprocess_the_image_is_standardised(in_tiny, images, tmp_path):
    done = here("predict", in_tiny.run, *MAKE, *SLICES, images / "b.nii.gz", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    image = image_of(1).astype(np.float64)
    standardised = (image - image.mean()) / image.std()
    require_maps(tmp_path / "out/cases/b", moments.ensemble(in_tiny.logits(standardised), "logits"))


def test_every_member_comes_back_to_the_grid_before_the_mean(in_tiny, images, tmp_path):
    call = (*MAKE, *SLICES, "--preprocess", "my_network:every_second", "--postprocess", "my_network:nearest")
    done = here("predict", in_tiny.run, *call, images / "b.nii.gz", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    coarse = image_of(1)[:, ::2, ::2] / 10
    native = coarse.repeat(2, axis=1).repeat(2, axis=2)
    require_maps(tmp_path / "out/cases/b", moments.ensemble(in_tiny.logits(native), "logits"))


def test_epochs_outputs_and_regions_reach_the_ensemble(in_tiny, images, tmp_path):
    call = (*MAKE, *TENTH, *SLICES, "--outputs", "regions", "--regions", "3,1,2", "--epochs", "3")
    done = here("predict", in_tiny.run, *call, images / "c.nii.gz", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    (logits,) = in_tiny.logits(image_of(2) / 10)[1:]
    painted = np.zeros(SHAPE)
    for region, label in zip(logits, (3, 1, 2), strict=True):
        painted[region > 0] = label
    found = maps_of(tmp_path / "out/cases/c")
    np.testing.assert_array_equal(found["segmentation"], painted)
    bits = moments.bits(moments.member_probs(logits, "regions"), "regions")
    np.testing.assert_allclose(found["entropy"], bits, rtol=0, atol=2e-6)
    assert set(read_done(tmp_path / "out/cases/c")["scores"]) == {
        "contour_score_region_0",
        "contour_score_region_1",
        "contour_score_region_2",
        "mean_entropy_bits",
        "mean_mutual_information_bits",
    }


def test_bad_cases_are_named_and_the_others_done(in_tiny, images, tmp_path):
    (images / "unreadable.nii.gz").write_bytes(b"no gzip at all")
    (images / "empty.nii.gz").write_bytes(b"")
    nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), AFFINE).to_filename(images / "four.nii.gz")
    np.save(images / "not_finite.npy", np.full((2, 3, 4), np.nan))
    (images / "notes.txt").write_text("no image")
    done = here("predict", in_tiny.run, *MAKE, *SLICES, images, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert told["predicted"] == ["a", "b", "c"]
    assert sorted(told["failed"]) == ["empty", "four", "not_finite", "unreadable"]
    for name, message in told["failed"].items():
        assert f"{name} failed: {message}" in done.stderr
        assert not (tmp_path / "out/cases" / name).exists()
    assert "must hold a volume with 3 axes, got shape (4, 4, 4, 2)" in told["failed"]["four"]
    assert "preprocess must return finite numbers" in told["failed"]["not_finite"]
    assert (tmp_path / "out/scores.csv").read_text().count("\n") == 4
    (images / "empty.nii.gz").unlink()
    save_nifti(images / "unreadable.nii.gz", image_of(5))
    mended = here("predict", in_tiny.run, *MAKE, *SLICES, images, "-o", tmp_path / "out", "--json")
    assert json.loads(mended.stdout)["predicted"] == ["unreadable"]
    assert mended.exit_code == 3


def test_a_failure_of_the_users_code_is_one_cases_own(in_tiny, images, tmp_path):
    call = (*MAKE, *SLICES, "--preprocess", "my_network:only_ones", images, "-o", tmp_path / "out")
    done = here("predict", in_tiny.run, *call)
    assert done.exit_code == 3
    assert "a failed: preprocess failed, KeyError: 'no such intensity'" in done.stderr
    assert done.stdout == f"1 predicted, 2 failed: {tmp_path / 'out'}\n"
    assert "Traceback" not in done.stderr
    debugged = here("--debug", "predict", in_tiny.run, *call)
    assert "Traceback" in debugged.stderr
    assert 'raise KeyError("no such intensity")' in debugged.stderr


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ([*MAKE, *TENTH], "Expected 3D (unbatched) or 4D (batched) input to conv2d"),
        ([*MAKE, *TENTH, *SLICES, "--postprocess", "my_network:on_a_wrong_grid"],
         "postprocess must return (C, z, y, x) on the image's grid (3, 6, 8), got shape (3, 3, 2, 8)"),
        ([*MAKE, *SLICES, "--preprocess", "my_network:every_second"],
         "the prediction must be on the image's grid (z, y, x) = (3, 6, 8), got (3, 3, 4)"),
        ([*MAKE, *SLICES, "--preprocess", "my_network:integers"],
         "preprocess must return floating point (C_in, *S), got int16 of shape (1, 3, 6, 8)"),
        ([*MAKE, *TENTH, *SLICES, "--outputs", "probs"], "or, as probabilities, negative"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(in_tiny, images, tmp_path, call, message):
    done = here("predict", in_tiny.run, *call, images / "b.nii.gz", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert message in done.stderr


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            {"--model": "my_network"},
            1,
            "--model must be module:function, as in my_network:make, got 'my_network'",
        ),
        ({"--model": "my_netwrok:make"}, 1, "found no my_netwrok in"),
        ({"--model": "my_network:mkae"}, 1, "which has no mkae; it has make, make_3d, tenth"),
        ({"--model": "my_network:NOT_A_FUNCTION"}, 1, "my_network:NOT_A_FUNCTION is a int"),
        ({"--model": "my_network:failing"}, 1, "my_network:failing() failed, RuntimeError: out of parts"),
        ({"--model": "builtins:dict"}, 1, "builtins:dict() must return a torch.nn.Module, got dict"),
        ({"--model": "my_network:make_3d"}, 1, "snapshot-0001.pt does not fit Conv3d: weight has shape"),
        ({"--model": "broken:make"}, 1, "importing broken failed, ZeroDivisionError: division by zero"),
        ({"--model": "needs_more:make"}, 1, "importing needs_more failed, No module named 'not_installed'"),
        ({"--preprocess": "my_network:nothing"}, 1, "--preprocess must name something in my_network"),
        ({"--postprocess": "x"}, 1, "--postprocess must be module:function"),
        ({"--inferer": "slice"}, 1, "--inferer must be module:function"),
        ({"--outputs": "softmax"}, 2, "must be one of logits, probs, regions, got 'softmax'"),
        ({"--epochs": "two"}, 2, "with commas between them, got 'two'"),
        ({"--epochs": "2"}, 1, "has no kept snapshot of epochs [2], it has [1, 3]"),
        ({"--device": "quantum"}, 2, "must be a device of this machine, got 'quantum'"),
        ({"RUN": "nowhere"}, 1, "manifest.json is missing"),
        ({"IMAGES": "nowhere"}, 1, "images must end in .nii.gz, .nii, .npy, .npz, .zarr, .png or be folders"),
        ({"IMAGES": "."}, 1, "found none in ."),
        ({"-o": "my_network.py/out"}, 1, "out must be a folder that can be written to"),
        ({"-o": "/proc/self/out"}, 1, "out must be a folder that can be written to"),
    ],
)
def test_what_stops_all_is_one_message(in_tiny, images, tmp_path, change, code, message):
    (in_tiny.folder / "broken.py").write_text("1 / 0\n")
    (in_tiny.folder / "needs_more.py").write_text("import not_installed\n")
    given = {
        "RUN": in_tiny.run,
        "IMAGES": images,
        "--model": "my_network:make",
        "-o": tmp_path / "out",
        **change,
    }
    words = [given.pop("RUN"), given.pop("IMAGES"), *(word for pair in given.items() for word in pair)]
    done = here("predict", *words)
    assert done.exit_code == code
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_two_images_of_one_name_are_refused(in_tiny, images, tmp_path):
    np.save(images / "a.npy", image_of(0))
    done = here("predict", in_tiny.run, *MAKE, images, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "images must have different names" in done.stderr


def test_cases_of_other_settings_are_not_taken_for_these(in_tiny, images, tmp_path):
    call = ("predict", in_tiny.run, *MAKE, *SLICES, images, "-o", tmp_path / "out")
    assert here(*call).exit_code == 0
    other = here(*call, *TENTH)
    assert other.exit_code == 1
    assert "preprocess None, now 'my_network:tenth'; choose another folder, or overwrite" in other.stderr
    elsewhere = save_nifti(tmp_path / "elsewhere/a.nii.gz", image_of(7))
    moved = here("predict", in_tiny.run, *MAKE, *SLICES, elsewhere, "-o", tmp_path / "out")
    assert moved.exit_code == 1
    assert "image" in moved.stderr
    before = content(tmp_path / "out")
    made = here(*call, *TENTH, "--overwrite")
    assert made.stdout == f"3 predicted: {tmp_path / 'out'}\n"
    after = content(tmp_path / "out")
    assert before.keys() == after.keys()
    assert before["cases/a/entropy.nii.gz"] != after["cases/a/entropy.nii.gz"]


def test_probabilities_that_are_missing_are_made(in_tiny, images, tmp_path):
    call = ("predict", in_tiny.run, *MAKE, *SLICES, images, "-o", tmp_path / "out")
    assert here(*call).exit_code == 0
    assert here(*call, "--save-probs").stdout.startswith("3 predicted")
    assert here(*call).stdout.startswith("3 finished before")


def test_a_case_that_fails_when_made_again_keeps_its_old_maps_but_no_row(in_tiny, images, tmp_path):
    call = ("predict", in_tiny.run, *MAKE, *SLICES, images, "-o", tmp_path / "out")
    assert here(*call).exit_code == 0
    before = content(tmp_path / "out/cases/b")
    (images / "b.nii.gz").write_bytes(b"")
    assert here(*call, "--overwrite").exit_code == 3
    assert content(tmp_path / "out/cases/b") == before != {}
    assert "\nb," not in (tmp_path / "out/scores.csv").read_text()


WAITING = (*MAKE, *SLICES, "--preprocess", "my_network:wait_at_third", "--save-probs")


def started(tiny, images: Path, out: Path) -> subprocess.Popen[str]:
    """A process that has finished two of three cases and is at work on the third."""
    process = subprocess.Popen(
        [*COMMAND, "predict", tiny.run, *WAITING, images, "-o", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tiny.folder,
        env={**os.environ, **WIDE},
    )
    held = tiny.folder / "held"
    while process.poll() is None and not held.exists():
        time.sleep(0.01)
    held.unlink(missing_ok=True)
    return process


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
def test_what_was_stopped_goes_on_where_it_was(in_tiny, images, tmp_path, sent, code):
    out, hold = tmp_path / "out", in_tiny.folder / "hold"
    hold.touch()
    try:
        stopped = started(in_tiny, images, out)
        stopped.send_signal(sent)
        said = stopped.communicate()[1]
    finally:
        hold.unlink()
    assert stopped.returncode == code, said
    assert "Traceback" not in said
    assert [path.parent.name for path in sorted(out.glob(f"cases/*/{DONE}"))] == ["a", "b"]
    call = ("predict", in_tiny.run, *WAITING)
    resumed = here(*call, images, "-o", out, "--json")
    told = json.loads(resumed.stdout)
    assert (told["kept"], told["predicted"]) == (["a", "b"], ["c"])
    assert here(*call, images, "-o", tmp_path / "at_once").exit_code == 0
    assert content(out) == content(tmp_path / "at_once")
