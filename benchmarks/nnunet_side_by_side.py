"""Several checkpoints of one nnU-Net on one full-size scan: streamed, beside the paper's way.

The paper's way is one ``nnUNetv2_predict --save_probabilities`` for each checkpoint, then loading what
they have saved and averaging it. Both run the same network on the same simulated scan of 512 x 512 x 120
voxels, without mirroring, each in fresh processes, whose memory is the sum over all that were alive at a
time. The network is small enough for a processor, so the forwards, which both share, are told apart from
what comes after.

Needs nnU-Net and the example, in the environment that ``make kits23`` makes:
``.venv-nnunet/bin/python benchmarks/nnunet_side_by_side.py`` writes
benchmarks/results/nnunet_side_by_side.json, and the table of docs/how-to/nnunet.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import nnunet_page
import numpy as np
import torch

from ckpt_uq.adapters.nnunet.cohort import NnunetSettings, predict_cohort
from ckpt_uq.checkpoints import load_weights
from ckpt_uq.io.nifti import write_volume
from ckpt_uq.manifest import read_run
from kits23.preparing.prepare import Preparation, prepare_simulated
from kits23.simulation.labels import FULL, FULL_SPACING_MM, phantom_labels
from kits23.simulation.scan import simulate_scan
from kits23.training.planning import plan, planned_mark
from kits23.training.programs import environment
from kits23.training.recipes import Training
from kits23.training.training import Length, train
from kits23.work import Work

RESULT = Path(__file__).parent / "results" / "nnunet_side_by_side.json"
TRAINING = Training("nnUNetTrainerFullTrain", "2d", 0)
NETWORK_SPACING_MM = [0.8, 0.8]
PATCH = [512, 512]


def make_model(work: Work, n_checkpoints: int) -> Path:
    """A small network, trained shortly on small scans, told that it sees scans of full size."""
    if not planned_mark(work).is_file():
        prepare_simulated(work, 6, Preparation(), kind="phantom")
        plan(work, small=True, configurations=["2d"], n_processes=1)
    train(work, TRAINING, length=Length(epochs=10, iterations=10, validation_iterations=2), device="cpu")
    model = work.root / "model"
    shutil.rmtree(model, ignore_errors=True)
    (model / "fold_0").mkdir(parents=True)
    for name in ("dataset.json", "plans.json"):
        shutil.copy(TRAINING.model(work) / name, model / name)
    plans = json.loads((model / "plans.json").read_text())
    plans["configurations"]["2d"].update(spacing=NETWORK_SPACING_MM, patch_size=PATCH)
    (model / "plans.json").write_text(json.dumps(plans))
    fold = TRAINING.folder(work)
    # nnU-Net's own file, which this script has just had written; nnU-Net opens it in the same way.
    content = torch.load(fold / "checkpoint_final.pth", weights_only=False)
    run = read_run(fold / "snapshots")
    for snapshot in run.members[-n_checkpoints:]:
        content["network_weights"] = load_weights(run.path_of(snapshot))
        torch.save(content, model / "fold_0" / f"checkpoint_{snapshot.epoch}.pth")
    return model


def make_scan(folder: Path) -> None:
    """One scan of full size."""
    folder.mkdir(exist_ok=True)
    path = folder / "scan_0000.nii.gz"
    if not path.is_file():
        volume = phantom_labels(np.random.default_rng(0), FULL, FULL_SPACING_MM)
        write_volume(path, volume.grid.volume(simulate_scan(volume, (0, 0)).hu))


class Watch(threading.Thread):
    """The most memory that the processes of a session had together, in MB; shared pages count once."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.session, self.peak_mb, self.ended = session, 0.0, threading.Event()

    def run(self) -> None:
        """Look ten times a second."""
        while not self.ended.wait(0.1):
            self.peak_mb = max(self.peak_mb, sum(map(_pss_mb, _processes(self.session))))


def _processes(session: int) -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                yield process
        except OSError:
            continue  # it has ended


def _pss_mb(process: Path) -> float:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def measured(command: list[str], env: dict[str, str]) -> tuple[dict[str, float], list[tuple[float, str]]]:
    """Run a command; give back seconds, memory, and its lines with the time at which each came."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**env, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watch = Watch(process.pid)
    watch.start()
    assert process.stdout is not None
    lines = [(time.perf_counter() - started, line.strip()) for line in process.stdout]
    status = process.wait()
    wall = time.perf_counter() - started
    watch.ended.set()
    watch.join()
    if status:
        raise SystemExit("\n".join(line for _, line in lines[-20:]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": watch.peak_mb}, lines


def papers_way(work: Work, model: Path, images: Path, out: Path) -> dict[str, float]:
    """nnU-Net's own program once for each checkpoint, then averaging."""
    total = {"wall_s": 0.0, "cpu_s": 0.0, "peak_mb": 0.0, "forwards_s": 0.0, "after_forwards_s": 0.0}
    members = []
    for checkpoint in sorted((model / "fold_0").glob("*.pth")):
        members.append(out / checkpoint.stem)
        program = str(Path(sys.executable).with_name("nnUNetv2_predict_from_modelfolder"))
        arguments = ["-i", images, "-o", members[-1], "-m", model, "-f", 0, "-chk", checkpoint.name]
        options = ["--save_probabilities", "--disable_tta", "-npp", 1, "-nps", 1, "-device", "cpu"]
        command = [program, *map(str, [*arguments, *options, "--disable_progress_bar"])]
        one, lines = measured(command, environment(work))
        begun = next(at for at, line in lines if line.startswith("Predicting "))
        ended = next(at for at, line in lines if line.startswith("sending off"))
        one |= {"forwards_s": ended - begun, "after_forwards_s": one["wall_s"] - ended}
        total = _added(total, one)
    one, _ = measured([sys.executable, __file__, "--average", *map(str, members), str(out)], dict(os.environ))
    total = _added(total, {**one, "after_forwards_s": one["wall_s"]})
    saved = sum(_size_mb(member) for member in members)
    return {**total, "intermediate_mb": saved, "result_mb": _size_mb(out) - saved}


def _added(total: dict[str, float], one: dict[str, float]) -> dict[str, float]:
    sums = {name: total[name] + one.get(name, 0.0) for name in total}
    return {**sums, "peak_mb": max(total["peak_mb"], one["peak_mb"])}


def average(members: list[Path], out: Path) -> None:
    """Load what every member has saved, average, take the entropy; write segmentation and entropy."""
    (name,) = {path.stem for path in members[0].glob("*.npz")}
    mean = np.mean([np.load(member / f"{name}.npz")["probabilities"] for member in members], axis=0)
    entropy = -(mean * np.log2(np.maximum(mean, 1e-12))).sum(0)
    affine = nib.load(members[0] / f"{name}.nii.gz").affine
    for what, data in (("segmentation", mean.argmax(0).astype(np.uint8)), ("entropy", entropy)):
        nib.Nifti1Image(data.astype(data.dtype).T, affine).to_filename(out / f"{what}.nii.gz")


def streamed(work: Work, model: Path, images: Path, out: Path) -> dict[str, float]:
    """What ``ckpt-uq nnunet predict`` does, all checkpoints in one process."""
    command = [sys.executable, __file__, "--streamed", str(model), str(images), str(out)]
    one, lines = measured(command, environment(work))
    told = json.loads(next(line for _, line in reversed(lines) if line.startswith("{")))
    return {**one, **told, "intermediate_mb": 0.0, "result_mb": _size_mb(out)}


def stream(model: Path, images: Path, out: Path) -> None:
    """Predict, and print the seconds in the network and those after, preprocessing in neither."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from ckpt_uq.adapters.nnunet.framework.trained_model import TrainedModel

    spent = {"forwards_s": 0.0, "preprocessing": 0.0, "loading": 0.0}
    with (
        timed(nnUNetPredictor, "predict_sliding_window_return_logits", spent, "forwards_s"),
        timed(TrainedModel, "preprocess", spent, "preprocessing"),
        timed(TrainedModel, "__init__", spent, "loading"),
    ):
        started = time.perf_counter()
        settings = NnunetSettings([model], checkpoints="checkpoint_*.pth", mirroring="none")
        outcome = predict_cohort(settings, images, out, device="cpu")
        total = time.perf_counter() - started
    if outcome.failed:
        raise SystemExit(str(outcome.failed))
    rest = total - sum(spent.values())
    print(json.dumps({"forwards_s": spent["forwards_s"], "after_forwards_s": rest}))


@contextmanager
def timed(owner: type, name: str, spent: dict[str, float], key: str) -> Iterator[None]:
    """Add up the seconds in a method while the block runs."""
    plain = getattr(owner, name)

    def measuring(*arguments: object, **options: object) -> object:
        started = time.perf_counter()
        try:
            return plain(*arguments, **options)
        finally:
            spent[key] += time.perf_counter() - started

    setattr(owner, name, measuring)
    try:
        yield
    finally:
        setattr(owner, name, plain)


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


WAYS = {"streamed": streamed, "papers_way": papers_way}


def compare(work: Work, n_checkpoints: int, only: list[str], known: dict[str, object]) -> dict[str, object]:
    """Make everything, measure the ways one after the other; those left out are as known."""
    work.root.mkdir(parents=True, exist_ok=True)
    model, images = make_model(work, n_checkpoints), work.root / "scan"
    make_scan(images)
    ways = dict(known)
    for name in only:
        way = WAYS[name]
        out = work.root / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        load = os.getloadavg()[0]
        rounded = {key: round(value, 1) for key, value in way(work, model, images, out).items()}
        ways[name] = {**rounded, "load_average_before": round(load, 1)}
    return {
        "scan_zyx": list(FULL),
        "spacing_mm": list(FULL_SPACING_MM),
        "network_spacing_mm": NETWORK_SPACING_MM,
        "n_classes": 4,
        "n_checkpoints": n_checkpoints,
        "ways": ways,
        "machine": {
            "cpus": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in ("numpy", "torch", "nnunetv2", "scikit-image", "numba")},
    }


def main() -> None:
    """Measure, write the result, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="keep what is made here, and use it again")
    parser.add_argument("--checkpoints", type=int, default=3, choices=range(2, 6), help="how many members")
    parser.add_argument("--only", choices=WAYS, help="measure one way again, beside the other's last result")
    parser.add_argument("--streamed", nargs=3, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--average", nargs="+", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for both ways; others may be using the cores
    if arguments.streamed:
        stream(*arguments.streamed)
    elif arguments.average:
        *members, out = arguments.average
        average(members, out)
    else:
        known = json.loads(RESULT.read_text())["ways"] if arguments.only else {}
        only = [arguments.only] if arguments.only else list(WAYS)
        with tempfile.TemporaryDirectory() as temporary:
            work = Work((arguments.work or Path(temporary)).resolve())
            result = compare(work, arguments.checkpoints, only, known)
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
        nnunet_page.main()
        print(json.dumps(result["ways"], indent=2))


if __name__ == "__main__":
    main()
