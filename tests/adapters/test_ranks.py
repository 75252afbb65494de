"""Two processes that share no memory give each the error of all samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import ckpt_uq
from ckpt_uq.calibration import CalibrationBins, CalibrationSketch, ace
from ckpt_uq.evaluation.voxel_errors import VoxelErrors

RANK = """
import json, sys
import numpy as np
import torch
import torch.distributed as dist
from ckpt_uq.adapters import monai, torchmetrics

rank, file = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
arrays = np.load(sys.argv[3])
cases = [(torch.from_numpy(arrays[f"p{i}"]), torch.from_numpy(arrays[f"y{i}"])) for i in range(5)]

metrics = {
    "ece": torchmetrics.CalibrationBinsMetric(3),
    "ace": torchmetrics.CalibrationSketchMetric(3, kind="class_wise"),
    "errors": torchmetrics.VoxelErrorsMetric(highest=1.0),
    "monai": monai.CalibrationBinsMetric(),
}
for probs, labels in cases[rank::2]:
    metrics["ece"].update(probs[None], labels[None])
    metrics["ace"].update(probs[None], labels[None])
    metrics["errors"].update(1 - probs.amax(0), probs.argmax(0) != labels)
    metrics["monai"](y_pred=probs[None], y=labels[None, None])
found = {name: (m.aggregate() if name == "monai" else m.compute()).item() for name, m in metrics.items()}
found["n"] = len(metrics["monai"])
print(json.dumps(found))
dist.destroy_process_group()
"""


def cases():
    """Images of different size: three for one process, two for the other."""
    found = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        grid = (6 + seed, 5)
        probs = (2 * torch.randn(3, *grid, generator=generator)).softmax(0)
        found.append((probs, torch.randint(0, 3, grid, generator=generator)))
    return found


@pytest.mark.slow
def test_each_process_has_the_whole(tmp_path):
    arrays = {f"p{i}": probs.numpy() for i, (probs, _) in enumerate(cases())}
    np.savez(tmp_path / "cases.npz", **arrays, **{f"y{i}": y.numpy() for i, (_, y) in enumerate(cases())})
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), str(tmp_path / "meeting"), str(tmp_path / "cases.npz")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(ckpt_uq.__file__).parents[1]), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]
    outputs = [rank.communicate(timeout=300) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], outputs
    bins, sketch, errors = CalibrationBins(), CalibrationSketch("class_wise"), VoxelErrors(highest=1.0)
    for probs, labels in cases():
        bins.update(probs, labels)
        sketch.update(probs, labels)
        errors.update(1 - probs.amax(0), probs.argmax(0) != labels)
    expected = {
        "ece": bins.ece(),
        "ace": ace(sketch).value,
        "errors": errors.auroc().value,
        "monai": bins.ece(),
        "n": 5,
    }
    for out, _ in outputs:
        assert json.loads(out.splitlines()[-1]) == pytest.approx(expected, abs=1e-12)
