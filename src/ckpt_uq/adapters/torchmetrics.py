"""Streaming metrics as TorchMetrics: ``update``, ``compute``, ``reset``, ``merge_state``, sums over ranks.

States are tensors of fixed size, counts in int64 and sums in float64, so an epoch of volumes neither fills
the memory nor stops counting at 2^24. TorchMetrics leaves the dtype of states alone when a model is halved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from ckpt_uq.calibration.adaptive import ace
from ckpt_uq.calibration.bins import CalibrationBins, Kind
from ckpt_uq.calibration.brier import brier
from ckpt_uq.calibration.kolmogorov_smirnov import ks_error
from ckpt_uq.calibration.sketch import CalibrationSketch
from ckpt_uq.calibration.smooth import smooth_ece
from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluation.voxel_errors import VoxelErrors
from ckpt_uq.kernels.bins import BinSums
from ckpt_uq.kernels.cells import Cells

BinsError = Literal["ece", "mce"]
SketchError = Literal["ace", "ks", "smooth_ece", "brier"]

_JOIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "min": torch.minimum,
    "max": torch.maximum,
}


class _Streamed(Metric):
    """States that are joined by sum, minimum or maximum."""

    is_differentiable = False
    full_state_update = False

    def __init__(self, empty: dict[str, np.ndarray[Any, Any]], **options: Any) -> None:
        super().__init__(**options)
        self._how = {name: {"lowest": "min", "highest": "max"}.get(name, "sum") for name in empty}
        for name, array in empty.items():
            self.add_state(name, torch.from_numpy(array.copy()), dist_reduce_fx=self._how[name])

    def _absorb(self, found: dict[str, np.ndarray[Any, Any]]) -> None:
        for name, array in found.items():
            mine = getattr(self, name)
            theirs = torch.from_numpy(array).to(mine.device)
            setattr(self, name, _JOIN[self._how[name]](mine, theirs))

    def _arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {name: getattr(self, name).cpu().numpy() for name in self._how}


class CalibrationBinsMetric(_Streamed):
    r"""ECE or MCE of :class:`~ckpt_uq.calibration.bins.CalibrationBins`, as a TorchMetrics metric.

    Parameters
    ----------
    n_classes : int
        C.
    error : {'ece', 'mce'}
        What ``compute`` returns.
    n_bins, kind
        As for :class:`~ckpt_uq.calibration.bins.CalibrationBins`.
    class_index : int, optional
        For 'class_wise': the error of this class alone.
    ignore_index : int, optional
        Voxels with this label do not count.
    options
        Of ``torchmetrics.Metric``.

    Examples
    --------
    >>> metric = CalibrationBinsMetric(n_classes=2)
    >>> probs = torch.tensor([[[0.75, 0.75], [0.25, 0.25]]])  # (N, C, *S)
    >>> metric.update(probs, torch.tensor([[0, 1]]))
    >>> metric.compute()
    tensor(0.2500, dtype=torch.float64)
    """

    higher_is_better = False

    def __init__(
        self,
        n_classes: int,
        *,
        error: BinsError = "ece",
        n_bins: int = 15,
        kind: Kind = "top_label",
        class_index: int | None = None,
        ignore_index: int | None = None,
        **options: Any,
    ) -> None:
        if error not in get_args(BinsError):
            raise ArgumentError(f"error must be one of {get_args(BinsError)}, got {error!r}")
        empty = CalibrationBins(n_bins, kind, n_classes)
        super().__init__(empty.sums._asdict(), **options)
        self.n_classes, self.n_bins, self.error, self.ignore_index = n_classes, n_bins, error, ignore_index
        self.kind: Kind = kind
        self.class_index = class_index

    def update(self, preds: Tensor, target: Tensor) -> None:
        r"""Count the voxels of a batch.

        Parameters
        ----------
        preds : Tensor
            Class probabilities (N, C, \*S); after softmax, not logits.
        target : Tensor
            Integers (N, \*S).
        """
        bins = CalibrationBins(self.n_bins, self.kind, self.n_classes)
        probs, labels, mask = _class_first(preds, target, self.ignore_index)
        bins.update(probs, labels, mask=mask)
        self._absorb(bins.sums._asdict())

    def compute(self) -> Tensor:
        """The error of all voxels of all ranks, float64; NaN without any."""
        bins = CalibrationBins.of_sums(BinSums(**self._arrays()), self.kind, self.n_classes)
        return torch.tensor(getattr(bins, self.error)(self.class_index), dtype=torch.float64)


class CalibrationSketchMetric(_Streamed):
    r"""ACE, KS, smooth ECE or Brier of a sketch, as a TorchMetrics metric.

    Parameters
    ----------
    n_classes : int
        C.
    error : {'ace', 'ks', 'smooth_ece', 'brier'}
        What ``compute`` returns.
    kind, threshold
        As for :class:`~ckpt_uq.calibration.sketch.CalibrationSketch`.
    class_index, ignore_index, options
        As for :class:`CalibrationBinsMetric`.

    Examples
    --------
    >>> metric = CalibrationSketchMetric(n_classes=2, error="brier", kind="class_wise")
    >>> metric.update(torch.tensor([[[0.75, 0.75], [0.25, 0.25]]]), torch.tensor([[0, 1]]))
    >>> metric.compute()
    tensor(0.6250, dtype=torch.float64)
    """

    higher_is_better = False

    def __init__(
        self,
        n_classes: int,
        *,
        error: SketchError = "ace",
        kind: Kind = "top_label",
        threshold: float = 0.0,
        class_index: int | None = None,
        ignore_index: int | None = None,
        **options: Any,
    ) -> None:
        if error not in get_args(SketchError):
            raise ArgumentError(f"error must be one of {get_args(SketchError)}, got {error!r}")
        empty = CalibrationSketch(kind, threshold=threshold, n_classes=n_classes)
        super().__init__(empty.cells._asdict(), **options)
        self.n_classes, self.threshold, self.error = n_classes, threshold, error
        self.kind: Kind = kind
        self.class_index, self.ignore_index = class_index, ignore_index

    def update(self, preds: Tensor, target: Tensor) -> None:
        r"""Count the voxels of a batch, preds (N, C, \*S) and target (N, \*S)."""
        sketch = CalibrationSketch(self.kind, threshold=self.threshold, n_classes=self.n_classes)
        probs, labels, mask = _class_first(preds, target, self.ignore_index)
        sketch.update(probs, labels, mask=mask)
        self._absorb(sketch.cells._asdict())

    def compute(self) -> Tensor:
        """The error of all voxels of all ranks, float64; NaN without any."""
        sketch = CalibrationSketch.of_cells(
            Cells(**self._arrays()), self.kind, threshold=self.threshold, n_classes=self.n_classes
        )
        if self.error == "brier":
            value = brier(sketch, class_index=self.class_index)
        else:
            of = {"ace": ace, "ks": ks_error, "smooth_ece": smooth_ece}[self.error]
            value = of(sketch, class_index=self.class_index).value
        return torch.tensor(value, dtype=torch.float64)


class VoxelErrorsMetric(_Streamed):
    r"""AUROC of an uncertainty map for wrong voxels, as a TorchMetrics metric.

    Parameters
    ----------
    highest : float
        The largest uncertainty there can be, such as log2 C bits.
    n_bins : int
        As for :class:`~ckpt_uq.evaluation.voxel_errors.VoxelErrors`.
    options
        Of ``torchmetrics.Metric``.

    Examples
    --------
    >>> metric = VoxelErrorsMetric(highest=1.0)
    >>> metric.update(torch.tensor([0.1, 0.2, 0.9]), torch.tensor([False, False, True]))
    >>> metric.compute()
    tensor(1., dtype=torch.float64)
    """

    higher_is_better = True

    def __init__(self, *, highest: float, n_bins: int = 4096, **options: Any) -> None:
        empty = VoxelErrors(highest=highest, n_bins=n_bins)
        super().__init__({"right": empty.right, "wrong": empty.wrong}, **options)
        self.highest, self.n_bins = highest, n_bins

    def update(self, uncertainty: Tensor, errors: Tensor) -> None:
        """Count the voxels of a batch: their uncertainty, and whether the prediction is wrong there."""
        found = VoxelErrors(highest=self.highest, n_bins=self.n_bins)
        found.update(uncertainty.detach(), errors)
        self._absorb({"right": found.right, "wrong": found.wrong})

    def compute(self) -> Tensor:
        """The area over all voxels of all ranks, float64; NaN if all are right or all are wrong."""
        errors = VoxelErrors(highest=self.highest, n_bins=self.n_bins)
        errors.right, errors.wrong = (self._arrays()[name] for name in ("right", "wrong"))
        return torch.tensor(errors.auroc().value, dtype=torch.float64)


def _class_first(
    preds: Tensor, target: Tensor, ignore_index: int | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A batch as one image: (C, N, *S), (N, *S) and what counts."""
    if preds.ndim < 2 or target.shape != preds.shape[:1] + preds.shape[2:]:
        raise ArgumentError(
            f"preds must have shape (N, C, *S) and target (N, *S), got {tuple(preds.shape)} and "
            f"{tuple(target.shape)}"
        )
    mask = None if ignore_index is None else target != ignore_index
    return preds.detach().movedim(1, 0), target, mask
