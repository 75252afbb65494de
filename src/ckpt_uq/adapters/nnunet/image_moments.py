"""Moments of a whole image, updated some slices at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from ckpt_uq import moments
from ckpt_uq.adapters.nnunet.placement import PlacedLogits
from ckpt_uq.combining.slabs import slab_depth
from ckpt_uq.errors import MemberError
from ckpt_uq.kernels.blocks import thread_count
from ckpt_uq.moments import EnsembleMoments, Outputs
from ckpt_uq.prediction import Prediction, of_moments


class ImageMoments:
    """Means over members that come slab by slab; besides them nothing is ever of the image's size.

    Parameters
    ----------
    n_channels : int
        Classes, or regions.
    shape : tuple of int
        The image's, axes turned as the members' slabs have them.
    axes : tuple of int
        For each of these axes the image's own.
    region_order : tuple of int, optional
        For regions: the label that each one paints.
    """

    def __init__(
        self,
        n_channels: int,
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        region_order: tuple[int, ...] | None = None,
    ) -> None:
        self._outputs: Outputs = "logits" if region_order is None else "regions"
        self._region_order = region_order
        self._axes = axes
        self._whole = moments.init(n_channels, shape, outputs=self._outputs)
        depth = slab_depth((n_channels, *shape))
        starts = range(0, shape[0], depth)
        self._slabs = [(start, self._view(start, min(start + depth, shape[0]))) for start in starts]
        self._names: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members that were added."""
        return tuple(self._names)

    def update(self, member: PlacedLogits, name: str) -> None:
        """Add a member, slab by slab, several at once.

        Raises
        ------
        MemberError
            The member's grid or number of classes is not that of the image and of the members before it.
        """
        expected = tuple(self._whole.mean_prob.shape)
        if (member.n_channels, *member.shape) != expected:
            raise MemberError(
                f"member {name} must predict (C, *grid) = {expected}, got "
                f"{(member.n_channels, *member.shape)}; members must be of the same image and the same labels"
            )

        def fold(slab: tuple[int, EnsembleMoments]) -> None:
            start, m = slab
            moments.update(m, member.slab(start, start + m.mean_entropy.shape[0]))

        with ThreadPoolExecutor(thread_count()) as pool:
            for _ in pool.map(fold, self._slabs):
                pass
        self._names.append(name)

    def predictions(self) -> Iterator[Prediction]:
        """Yield the prediction some slices at a time, along the first of the image's own axes; NumPy arrays.

        Raises
        ------
        MemberError
            A member's numbers are no logits.
        """
        self.verify()
        back = [self._axes.index(axis) for axis in range(len(self._axes))]
        mean_prob = self._whole.mean_prob.permute(0, *(axis + 1 for axis in back))
        mean_entropy = self._whole.mean_entropy.permute(*back)
        depth = slab_depth(mean_prob.shape)
        for start in range(0, mean_prob.shape[1], depth):
            m = EnsembleMoments(
                mean_prob=mean_prob[:, start : start + depth].contiguous(),
                mean_entropy=mean_entropy[start : start + depth].contiguous(),
                total_weight=float(len(self._names)),
                n_members=len(self._names),
                outputs=self._outputs,
            )
            yield of_moments(m, self._region_order, torch.Tensor.numpy)

    def verify(self) -> None:
        """Raise MemberError, naming it, where a member's numbers are no logits."""
        for _, m in self._slabs:
            moments.verify(m, self._names)

    def _view(self, start: int, stop: int) -> EnsembleMoments:
        """Moments of some slices, which are part of the whole's memory."""
        return EnsembleMoments(
            mean_prob=self._whole.mean_prob[:, start:stop],
            mean_entropy=self._whole.mean_entropy[start:stop],
            outputs=self._outputs,
        )
