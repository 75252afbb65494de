"""One case: its images in, its maps and scores out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckpt_uq.adapters.nnunet.image_moments import ImageMoments
from ckpt_uq.adapters.nnunet.images import case_of, require_channels
from ckpt_uq.adapters.nnunet.saved_members import opened_members
from ckpt_uq.case_folder import clear
from ckpt_uq.combining.scores import CaseSums
from ckpt_uq.combining.writing import CaseWriter
from ckpt_uq.errors import DataError
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import read_geometry
from ckpt_uq.io.probabilities import SavedProbabilities

if TYPE_CHECKING:
    from ckpt_uq.adapters.nnunet.framework.trained_model import TrainedModel


def predict_case(
    files: Sequence[Path],
    folder: Path,
    models: Sequence[TrainedModel],
    *,
    saved: Sequence[Path] = (),
    save_probs: bool = False,
    class_entropy: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> dict[str, Any]:
    """Predict one image by all members of all models; write its maps on its own grid.

    Parameters
    ----------
    files : sequence of Path
        One a channel.
    folder : Path
        The case's.
    models : sequence of TrainedModel
        Of the same labels.
    saved : sequence of Path
        Folders of saved probabilities, one a member more; see
        :func:`~ckpt_uq.adapters.nnunet.saved_members.opened_members`.
    save_probs, class_entropy
        See :class:`~ckpt_uq.combining.writing.CaseWriter`.
    progress : callable
        Told the fraction that is done, after every member.

    Returns
    -------
    dict
        What ``case.json`` says.

    Raises
    ------
    DataError
        The image cannot be read or used.
    CheckpointError, MemberError
        A member cannot predict it.
    """
    require_channels(list(files), models[0].n_channels_in)
    geometry = read_geometry(files[0])
    with opened_members(saved, case_of(files[0]), geometry, models[0].n_channels_out) as members:
        averaged = _averaged(files, models, geometry, members, progress)
    clear(folder)
    order = models[0].region_order
    sums = CaseSums(models[0].n_channels_out, geometry.axial_axis, order)
    with ExitStack() as stack:
        write = CaseWriter(
            stack,
            folder,
            geometry,
            models[0].n_channels_out,
            order,
            save_probs=save_probs,
            class_entropy=class_entropy,
        )
        for prediction in averaged.predictions():
            write(prediction)
            sums.update(prediction)
    return {**asdict(sums.result()), "members": list(averaged.names)}


def _averaged(
    files: Sequence[Path],
    models: Sequence[TrainedModel],
    geometry: Geometry,
    saved: Sequence[SavedProbabilities],
    progress: Callable[[float], None],
) -> ImageMoments:
    first = models[0]
    shape = tuple(geometry.shape[axis] for axis in first.axes)
    averaged: ImageMoments | None = None
    n_predictions = sum(model.n_predictions for model in models) + len(saved)
    for model in models:
        image = model.preprocess(files)
        if image.placement.shape != tuple(geometry.shape[axis] for axis in model.axes):
            raise DataError(
                f"nnU-Net must read {files[0]} on its own grid, {geometry.shape}, got "
                f"{image.placement.shape} with axes {model.axes}; a reader that turns images is not supported"
            )
        if averaged is None:  # only now, because preprocessing takes memory for a while too
            averaged = ImageMoments(first.n_channels_out, shape, first.axes, first.region_order)
        for name, parts in model.predict(image, first.axes, averaged.part_depth):
            averaged.update(parts, name)
            progress(len(averaged.names) / n_predictions)
        del image  # before the next model's is made
    assert averaged is not None
    for member in saved:
        averaged.update_saved(member)
        progress(len(averaged.names) / n_predictions)
    averaged.verify()
    return averaged
