"""Calibration as a MONAI metric: counted case by case, aggregated over all of them."""

from __future__ import annotations

from functools import reduce
from typing import Any, Literal, get_args

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from torch import Tensor

from ckpt_uq.calibration.bins import CalibrationBins, Kind
from ckpt_uq.errors import ArgumentError
from ckpt_uq.kernels.bins import BinSums

Error = Literal["ece", "mce"]
Over = Literal["pooled", "cases"]


class CalibrationBinsMetric(CumulativeIterationMetric):
    r"""ECE or MCE of :class:`~ckpt_uq.calibration.bins.CalibrationBins`, as a MONAI metric.

    The buffer holds the bins of every case, a few hundred bytes each, never voxels; with
    ``torch.distributed`` it is gathered from all ranks.

    Parameters
    ----------
    error : {'ece', 'mce'}
        What ``aggregate`` returns.
    over : {'pooled', 'cases'}
        The error of the voxels of all cases together, or the mean of every case's own.
    include_background : bool
        For 'class_wise': whether class 0 is among the classes whose mean (ECE) or maximum (MCE) is taken.
    n_bins, kind
        As for :class:`~ckpt_uq.calibration.bins.CalibrationBins`.

    Examples
    --------
    >>> metric = CalibrationBinsMetric()
    >>> metric(y_pred=torch.tensor([[[0.75, 0.75], [0.25, 0.25]]]), y=torch.tensor([[[0, 1]]])).shape
    torch.Size([1, 3, 1, 15])
    >>> metric.aggregate()
    tensor(0.2500, dtype=torch.float64)
    """

    def __init__(
        self,
        *,
        error: Error = "ece",
        over: Over = "pooled",
        include_background: bool = True,
        n_bins: int = 15,
        kind: Kind = "top_label",
    ) -> None:
        if error not in get_args(Error):
            raise ArgumentError(f"error must be one of {get_args(Error)}, got {error!r}")
        if over not in get_args(Over):
            raise ArgumentError(f"over must be one of {get_args(Over)}, got {over!r}")
        if kind == "top_label" and not include_background:
            raise ArgumentError(
                "include_background=False needs kind='class_wise': the top label is one of all classes"
            )
        CalibrationBins(n_bins, kind)  # or an error that says so
        super().__init__()
        self.error, self.over, self.include_background, self.n_bins = error, over, include_background, n_bins
        self.kind: Kind = kind

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Tensor:
        """Bins of every image: counts, hits and sums of confidence, float64, shape (B, 3, 1 or C, n_bins)."""
        labels = _labels(y_pred, y)
        every = []
        for probs, truth in zip(y_pred.detach(), labels, strict=True):
            bins = CalibrationBins(self.n_bins, self.kind, len(probs))
            bins.update(probs, truth)
            every.append(torch.from_numpy(np.stack([array.astype(np.float64) for array in bins.sums])))
        return torch.stack(every).to(y_pred.device)

    def aggregate(self, error: Error | None = None, over: Over | None = None) -> Tensor:
        """The error of all cases of all ranks, float64; NaN without any.

        Parameters
        ----------
        error, over
            In place of those that the metric was made with.
        """
        buffer = self.get_buffer()
        if buffer is None:
            return torch.tensor(float("nan"), dtype=torch.float64)
        cases = [self._bins(table) for table in buffer.cpu().numpy()]
        if (over or self.over) == "pooled":
            cases = [reduce(CalibrationBins.merge, cases)]
        return torch.tensor(np.nanmean([self._value(bins, error or self.error) for bins in cases]))

    def _bins(self, table: np.ndarray[Any, Any]) -> CalibrationBins:
        counts, hits, confidence = table
        # below 2^53, so exact in between as float64
        return CalibrationBins.of_sums(
            BinSums(counts.astype(np.int64), hits.astype(np.int64), confidence), self.kind
        )

    def _value(self, bins: CalibrationBins, error: Error) -> float:
        compute = getattr(bins, error)
        if self.include_background:
            return float(compute())
        values = [compute(k) for k in range(1, bins.n_classes or 1)]
        return float(np.max(values) if error == "mce" else np.mean(values))


def _labels(y_pred: Tensor, y: Tensor | None) -> Tensor:
    """Labels (B, *S) from (B, 1, *S), or from one-hot (B, C, *S)."""
    if y is None:
        raise ArgumentError("y must be the labels (B, 1, *S) or one-hot (B, C, *S), got None")
    if y_pred.ndim < 3 or y.ndim != y_pred.ndim or y.shape[2:] != y_pred.shape[2:]:
        raise ArgumentError(
            f"y must have the batch and grid of y_pred (B, C, *S), {tuple(y_pred.shape)}, got "
            f"{tuple(y.shape)}"
        )
    if y.shape[1] == 1:
        return y[:, 0].to(torch.int64)
    if y.shape != y_pred.shape or not bool(((y != 0).sum(1) == 1).all()):
        raise ArgumentError(
            f"y must be labels (B, 1, *S), or one-hot with one class a voxel, got shape {tuple(y.shape)}"
        )
    return y.argmax(1)
