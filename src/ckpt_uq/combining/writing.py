"""The files of one case, written a few slices at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ckpt_uq.case_folder import ENTROPY, MEAN_PROBS, MUTUAL_INFORMATION, SEGMENTATION, class_entropy_name
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.nifti import slab_writer
from ckpt_uq.io.probabilities_writer import probabilities_writer
from ckpt_uq.prediction import Prediction


class CaseWriter:
    """Open files of one case; slabs are appended to each.

    Parameters
    ----------
    stack : ExitStack
        Closes the files; each appears when the stack is left without an error.
    folder : Path
        The case's.
    geometry : Geometry
        Grid of every file.
    n_channels : int
        Classes, or regions.
    region_order : tuple of int, optional
        For regions: the label that each one paints.
    save_probs : bool
        Write the mean probabilities too.
    class_entropy : bool
        Write the binary entropy of every class but the background, or of every region, too.
    """

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        geometry: Geometry,
        n_channels: int,
        region_order: tuple[int, ...] | None,
        *,
        save_probs: bool,
        class_entropy: bool = False,
    ) -> None:
        labels = np.uint8 if max(region_order or (n_channels - 1,)) < 256 else np.int32
        self._segmentation = stack.enter_context(slab_writer(folder / SEGMENTATION, geometry, labels))
        self._entropy = stack.enter_context(slab_writer(folder / ENTROPY, geometry, np.float32))
        self._information = stack.enter_context(
            slab_writer(folder / MUTUAL_INFORMATION, geometry, np.float32)
        )
        first = 1 if region_order is None else 0
        self._of_classes = {
            index: stack.enter_context(
                slab_writer(folder / class_entropy_name(index, region_order), geometry, np.float32)
            )
            for index in (range(first, n_channels) if class_entropy else ())
        }
        self._probs = None
        if save_probs:
            shape = (n_channels, *geometry.shape)
            self._probs = stack.enter_context(probabilities_writer(folder / MEAN_PROBS, shape))

    def __call__(self, prediction: Prediction) -> None:
        """Append the next slices, along axis 0."""
        self._segmentation(prediction.segmentation)
        self._entropy(prediction.predictive_entropy)
        self._information(prediction.mutual_information)
        for index, write in self._of_classes.items():
            write(prediction.class_entropy[index])
        if self._probs is not None:
            self._probs(prediction.mean_prob)
