"""Real processes of nnU-Net on a tiny data set: planning, training, a kill, resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ckpt_uq.adapters.nnunet.plugin_folder import VARIABLE, with_plugin
from ckpt_uq.errors import ManifestError
from ckpt_uq.manifest import read_run
from nnunet_tiny import NAME, write_dataset

PLANS = "nnUNetResEncUNetLPlans"
N_EPOCHS = 10
OWN_PLUGIN = Path(__file__).parent / "adapters/nnunet/installed/plugin"


@dataclass(frozen=True)
class Session:
    """Folders of one nnU-Net, and how to call its programs there."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        folders = {f"nnUNet_{name}": str(self.root / name) for name in ("raw", "preprocessed", "results")}
        settings = {
            "nnUNet_compile": "f",
            "nnUNet_def_n_proc": "1",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",  # nnU-Net asks for all cores, which others may be using
            "PYTHONWARNINGS": "ignore",
            "CKPT_UQ_EPOCHS": str(N_EPOCHS),
            "CKPT_UQ_ITERATIONS": "2",
            "CKPT_UQ_VALIDATION_ITERATIONS": "1",
            VARIABLE: str(OWN_PLUGIN),
        }
        return with_plugin({**os.environ, **folders, **settings})

    def start(self, program: str, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a program of the environment that runs the tests, in a group of its own."""
        command = [Path(sys.executable).with_name(program), *map(str, arguments)]
        # No processes for the data of a training; to plan, the same number counts threads.
        environment = {**self.environment, "nnUNet_n_proc_DA": "0" if program == "nnUNetv2_train" else "1"}
        with open(self.root / "log.txt", "ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def run(self, program: str, *arguments: object) -> None:
        """Run a program to its end, which must be a good one."""
        assert self.start(program, *arguments).wait(timeout=240) == 0, self.log()[-4000:]

    def log(self) -> str:
        return (self.root / "log.txt").read_text(errors="replace")

    def model(self, trainer: str, configuration: str) -> Path:
        return self.root / "results" / NAME / f"{trainer}__{PLANS}__{configuration}"

    def train(self, configuration: str, trainer: str, *options: str) -> list[object]:
        """Arguments of nnUNetv2_train."""
        return [1, configuration, 0, "-tr", trainer, "-p", PLANS, "-device", "cpu", *options]


def planned(root: Path) -> Session:
    """A data set that was planned and preprocessed by nnU-Net, then given a smaller network."""
    session = Session(root)
    write_dataset(root / "raw")
    planning = ["-d", 1, "-pl", "nnUNetPlannerResEncL", "-c", "2d", "3d_fullres", "-npfp", 1, "-np", 1]
    session.run("nnUNetv2_plan_and_preprocess", *planning, "--no_pbar", "--verify_dataset_integrity")
    path = root / "preprocessed" / NAME / f"{PLANS}.json"
    plans = json.loads(path.read_text())
    _shrink(plans["configurations"]["2d"], [32, 32], [[1, 1], [2, 2], [2, 2]])
    _shrink(plans["configurations"]["3d_fullres"], [8, 32, 32], [[1, 1, 1], [1, 2, 2], [2, 2, 2]])
    path.write_text(json.dumps(plans))
    return session


def _shrink(configuration: dict, patch: list[int], strides: list[list[int]]) -> None:
    configuration.update(patch_size=patch, batch_size=4)
    configuration["architecture"]["arch_kwargs"].update(
        n_stages=3,
        features_per_stage=[8, 16, 16],
        kernel_sizes=[[3] * len(patch)] * 3,
        strides=strides,
        n_blocks_per_stage=[1, 1, 1],
        n_conv_per_stage_decoder=[1, 1],
    )


def kill_in_epoch(process: subprocess.Popen[bytes], run_dir: Path, epoch: int) -> None:
    """Kill a training, and all that it has started, as soon as an epoch is in the manifest."""
    deadline = time.monotonic() + 240
    while _last_epoch(run_dir) < epoch:
        assert process.poll() is None, "the training ended before it was killed"
        assert time.monotonic() < deadline, "the training takes too long"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_epoch(run_dir: Path) -> int:
    try:
        return max((entry.epoch for entry in read_run(run_dir).history), default=-1)
    except ManifestError:
        return -1  # not there yet
