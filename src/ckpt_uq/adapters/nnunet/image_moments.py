"""Moments of a whole image, updated some slices at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from ckpt_uq import moments
from ckpt_uq.adapters.nnunet.freed_memory import give_back
from ckpt_uq.adapters.nnunet.placement import PlacedLogits
from ckpt_uq.combining.slabs import slab_depth
from ckpt_uq.errors import MemberError
from ckpt_uq.io.probabilities import SavedProbabilities
from ckpt_uq.kernels.blocks import thread_count
from ckpt_uq.moments import EnsembleMoments, Outputs
from ckpt_uq.prediction import Prediction, of_moments
from ckpt_uq.probabilities import TOLERANCE

_SLABS_IN_PART = 2  # at least: every part costs a call of nnU-Net's predictor


class ImageMoments:
    """Means over members that come slab by slab; besides them nothing is ever of the image's size.

    The means are 4 (C + 1) bytes a voxel for C channels, whatever the number of members.

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
        self._depth = slab_depth((n_channels, *shape))
        starts = range(0, shape[0], self._depth)
        self._slabs = [self._view(start, min(start + self._depth, shape[0])) for start in starts]
        self._names: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members that were added."""
        return tuple(self._names)

    @property
    def part_depth(self) -> int:
        """Slices that a part of a member should have, to be folded by all threads: so many slabs."""
        return self._depth * max(_SLABS_IN_PART, thread_count())

    def update(self, parts: Iterable[PlacedLogits], name: str) -> None:
        """Add a member, part by part, several slabs of a part at once.

        Parameters
        ----------
        parts : iterable of PlacedLogits
            The member's, one after the other along the first axis: each of `part_depth` slices but the last,
            or a single one of the whole image. None is held longer than it takes.
        name : str
            Of the member, for messages.

        Raises
        ------
        MemberError
            The member's grid or number of classes is not that of the image and of the members before it.
        """
        expected = tuple(self._whole.mean_prob.shape)
        start = 0
        with ThreadPoolExecutor(thread_count()) as pool:
            for part in parts:
                grid = (part.n_channels, start + part.shape[0], *part.shape[1:])
                start += part.shape[0]
                if grid[0] != expected[0] or start > expected[1] or grid[2:] != expected[2:]:
                    raise _unlike(name, expected, grid)
                give_back()  # the network's activations
                self._fold(pool, part, start - part.shape[0])
                del part  # before the next one is asked for
                give_back()
        if start != expected[1]:
            raise _unlike(name, expected, (expected[0], start, *expected[2:]))
        self._names.append(name)

    def update_saved(self, member: SavedProbabilities) -> None:
        """Add a member that has predicted before, on the image's own grid; its path is its name.

        Parameters
        ----------
        member : SavedProbabilities
            Of the image's shape, its own axes, with the channels of the members before it.

        Raises
        ------
        MemberError
            Its numbers are no probabilities of classes.
        """
        mean_prob, mean_entropy = self._on_own_axes()
        faults = []
        start = 0
        for probs in map(torch.from_numpy, member.slabs(slab_depth(mean_prob.shape))):
            here = slice(start, start + probs.shape[1])
            start = here.stop
            m = self._moments_of(mean_prob[:, here], mean_entropy[here])
            moments.update(m, _as_logits(probs.float(), self._outputs, str(member.path)))
            mean_prob[:, here], mean_entropy[here] = m.mean_prob, m.mean_entropy
            faults += m.faults
        for m in self._slabs:
            m.n_members += 1
            m.total_weight += 1
            m.faults.append(torch.stack(faults).sum())  # NaN if one of them is
        self._names.append(str(member.path))

    def _fold(self, pool: ThreadPoolExecutor, part: PlacedLogits, offset: int) -> None:
        starts = range(0, part.shape[0], self._depth)
        first = offset // self._depth
        slabs = self._slabs[first : first + len(starts)]

        def fold(start: int, m: EnsembleMoments) -> None:
            moments.update(m, part.slab(start, start + m.mean_entropy.shape[0]))

        for _ in pool.map(fold, starts, slabs):
            pass

    def predictions(self) -> Iterator[Prediction]:
        """Yield the prediction some slices at a time, along the first of the image's own axes; NumPy arrays.

        Raises
        ------
        MemberError
            A member's numbers are no logits.
        """
        self.verify()
        mean_prob, mean_entropy = self._on_own_axes()
        depth = slab_depth(mean_prob.shape)
        for start in range(0, mean_prob.shape[1], depth):
            here = slice(start, start + depth)
            m = self._moments_of(mean_prob[:, here], mean_entropy[here])
            yield of_moments(m, self._region_order, torch.Tensor.numpy)

    def _on_own_axes(self) -> tuple[Tensor, Tensor]:
        """View the means as the image has its axes."""
        back = [self._axes.index(axis) for axis in range(len(self._axes))]
        mean_prob = self._whole.mean_prob.permute(0, *(axis + 1 for axis in back))
        return mean_prob, self._whole.mean_entropy.permute(*back)

    def _moments_of(self, mean_prob: Tensor, mean_entropy: Tensor) -> EnsembleMoments:
        """Moments of some slices, along whatever axis: a copy, where they are no part of the memory."""
        return EnsembleMoments(
            mean_prob=mean_prob.contiguous(),
            mean_entropy=mean_entropy.contiguous(),
            total_weight=float(len(self._names)),
            n_members=len(self._names),
            outputs=self._outputs,
        )

    def verify(self) -> None:
        """Raise MemberError, naming it, where a member's numbers are no logits."""
        for m in self._slabs:
            moments.verify(m, self._names)

    def _view(self, start: int, stop: int) -> EnsembleMoments:
        """Moments of some slices, which are part of the whole's memory."""
        return EnsembleMoments(
            mean_prob=self._whole.mean_prob[:, start:stop],
            mean_entropy=self._whole.mean_entropy[start:stop],
            outputs=self._outputs,
        )


def _as_logits(probs: Tensor, outputs: Outputs, name: str) -> Tensor:
    """Logits of saved probabilities, which rounding keeps from adding up to quite 1."""
    if outputs == "regions":
        return probs.logit()
    away = float((probs.sum(0) - 1).abs().max())
    if not away <= TOLERANCE:
        raise MemberError(
            f"member {name} must hold probabilities that add up to 1 over the classes, got a sum that is "
            f"{away:.3g} away; are they of regions, which these models do not have, or logits?"
        )
    return probs.log()


def _unlike(name: str, expected: tuple[int, ...], found: tuple[int, ...]) -> MemberError:
    return MemberError(
        f"member {name} must predict (C, *grid) = {expected}, got {found}; members must be of the same image "
        "and the same labels"
    )
