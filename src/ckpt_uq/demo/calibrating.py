"""A temperature from the calibration cases: what any baseline deserves before it is compared."""

from __future__ import annotations

from collections.abc import Sequence

from ckpt_uq.calibration.scope import scope_mask
from ckpt_uq.demo.cases import Case
from ckpt_uq.demo.scoring import ROI_PIXELS
from ckpt_uq.posthoc.fit import fit_scaling
from ckpt_uq.posthoc.scaling import LogitScaling
from ckpt_uq.prediction import Prediction


def fit_temperature(predictions: Sequence[Prediction], cases: Sequence[Case]) -> LogitScaling:
    """Find the temperature of mean probabilities under which the labels around the organ are likeliest.

    Raises
    ------
    DataError
        The cases are too few or too easy to determine one.
    """
    return fit_scaling(
        [
            (prediction.mean_prob, case.labels, scope_mask(case.labels, "dilated_roi", pixels=ROI_PIXELS))
            for prediction, case in zip(predictions, cases, strict=True)
        ],
        "temperature",
        inputs="probs",
    ).transform
