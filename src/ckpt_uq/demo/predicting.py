"""From the run folder to predictions of cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.datasets import DataSet
from ckpt_uq.demo.progress import Advance
from ckpt_uq.demo.slicewise import standardised
from ckpt_uq.demo.unet import SmallUNet
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.prediction import Prediction

CASES_AT_ONCE = 8  # each member is loaded once for so many


def predict_cases(
    run_dir: Path,
    model: SmallUNet,
    cases: Sequence[Case],
    dataset: DataSet,
    *,
    epochs: Sequence[int] | None = None,
    advance: Advance = lambda remark: None,
) -> list[Prediction]:
    """Predict cases on their own grids (z, y, x), with the snapshots of these epochs or all kept."""
    ensemble = CheckpointEnsemble.from_run(run_dir, model, epochs=epochs, inferer=dataset.slicewise)
    predictions: list[Prediction] = []
    for start in range(0, len(cases), CASES_AT_ONCE):
        some = cases[start : start + CASES_AT_ONCE]
        predictions += ensemble.predict_batch([standardised(case, dataset.window)[None] for case in some])
        for case in some:
            advance(case.name)
    return predictions
