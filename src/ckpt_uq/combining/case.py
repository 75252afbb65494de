"""One case: its members' files in, its maps and scores out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from ckpt_uq.case_folder import clear
from ckpt_uq.combining.scores import CaseScores, CaseSums
from ckpt_uq.combining.slabs import require_same_shape, slab_predictions
from ckpt_uq.combining.writing import CaseWriter
from ckpt_uq.errors import DataError
from ckpt_uq.grid import as_slice_axis
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.probabilities import SavedProbabilities, geometry_beside, open_probabilities
from ckpt_uq.kernels.blocks import thread_count


def combine_case(
    paths: Sequence[Path],
    folder: Path,
    *,
    weights: Sequence[float],
    region_order: tuple[int, ...] | None = None,
    slice_axis: int | None = None,
    save_probs: bool = False,
    class_entropy: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> CaseScores:
    """Average the members' probabilities of one case; write its maps on the grid of the NIfTI beside them.

    Parameters
    ----------
    paths : sequence of Path
        Each member's file of probabilities.
    folder : Path
        Gets the segmentation, the entropy and the mutual information, and `mean_probs` where asked for.
    weights : sequence of float
        One a member.
    region_order : tuple of int, optional
        For independent regions instead of classes: the label that each one paints.
    slice_axis : int, optional
        Axis of (z, y, x) along which slices follow each other, for the contour score; the one nearest to
        head and feet by default.
    save_probs : bool
        Write the mean probabilities too.
    class_entropy : bool
        Write the binary entropy of every class but the background, or of every region, too.
    progress : callable
        Told the fraction that is done, now and then.

    Returns
    -------
    CaseScores

    Raises
    ------
    DataError
        A file cannot be read, or the members are not of one shape and place.
    MemberError
        Naming the file whose numbers are no probabilities.
    """
    with ExitStack() as stack:
        members = _opened(stack, paths)
        require_same_shape(members)
        geometry = common_geometry(members)
        axis = geometry.axial_axis if slice_axis is None else as_slice_axis(slice_axis, ndim=3)
        predictions = slab_predictions(members, weights, region_order)
        clear(folder)
        sums = CaseSums(members[0].shape[0], axis, region_order)
        writers = stack.enter_context(ExitStack())  # closed first: files appear when all is done
        write = CaseWriter(
            writers,
            folder,
            geometry,
            members[0].shape[0],
            region_order,
            save_probs=save_probs,
            class_entropy=class_entropy,
        )
        for prediction in predictions:
            write(prediction)
            sums.update(prediction)
            progress(sums.n_voxels / math.prod(geometry.shape))
        return sums.result()


def common_geometry(members: Sequence[SavedProbabilities]) -> Geometry:
    """The place of the first member's grid, which all must share that have a NIfTI beside them.

    Raises
    ------
    DataError
        The first has none, or they differ.
    """
    first = members[0].path
    geometry = geometry_beside(first)
    if geometry is None:
        raise DataError(
            f"{first} must have {first.stem}.nii.gz beside it, to say where its voxels lie; copy it there"
        )
    for member in members:
        beside = geometry_beside(member.path)
        expected = (beside or geometry).shape
        if member.shape[1:] != expected:
            raise DataError(
                f"{member.path} must have the grid (z, y, x) of the NIfTI beside it, {expected}, got "
                f"{member.shape[1:]}"
            )
        difference = beside and geometry.difference(beside)
        if difference:
            raise DataError(
                f"members must lie in the same place, got {difference} for {first} and {member.path}; "
                "predict them from the same image"
            )
    return geometry


def _opened(stack: ExitStack, paths: Sequence[Path]) -> list[SavedProbabilities]:
    """Open all files side by side, because each is read through once."""
    with ThreadPoolExecutor(thread_count()) as pool:
        return list(pool.map(stack.enter_context, map(open_probabilities, paths)))
