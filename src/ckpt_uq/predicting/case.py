"""One case: an image in, its maps and scores out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ckpt_uq.case_folder import (
    ENTROPY,
    MEAN_PROBS,
    MEMBER_LABELS,
    MUTUAL_INFORMATION,
    SEGMENTATION,
    clear,
)
from ckpt_uq.combining.scores import CaseSums
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.errors import CkptUQError, MemberError
from ckpt_uq.io.nifti import write_volume
from ckpt_uq.io.probabilities_writer import probabilities_writer
from ckpt_uq.io.volume import Volume, read_volume
from ckpt_uq.members.source import MemberSource
from ckpt_uq.moments import Outputs, Transform
from ckpt_uq.predicting.members_say import member_scores, write_member_labels
from ckpt_uq.predicting.steps import Steps
from ckpt_uq.prediction import Prediction


@dataclass(frozen=True)
class Predictor:
    """Who predicts, and how volumes come to them and back.

    Attributes
    ----------
    members : MemberSource
        The checkpoints.
    steps : Steps
        Before and after the network.
    outputs : {'logits', 'probs', 'regions'}
        What the network returns.
    region_order : tuple of int, optional
        For regions: the label that each one paints.
    on_members, on_mean : callable, optional
        Maps logits (C, z, y, x) to calibrated ones: of each member before they are averaged, or of their
        mean probability.
    labels : bool
        Keep what each member says, one byte a voxel and member.
    """

    members: MemberSource
    steps: Steps
    outputs: Outputs = "logits"
    region_order: tuple[int, ...] | None = None
    on_members: Transform | None = None
    on_mean: Transform | None = None
    labels: bool = False

    def predict(self, volume: Volume, progress: Callable[[float], None]) -> Prediction:
        """Predict a volume, on its own grid; NumPy arrays.

        Raises
        ------
        DataError
            The preprocessing failed.
        MemberError
            A member or the postprocessing failed, or the prediction is not on the volume's grid.
        """
        n_done = 0

        def one_more() -> None:
            nonlocal n_done
            n_done += 1
            progress(n_done / len(self.members))

        ensemble = CheckpointEnsemble(
            self.members,
            outputs=self.outputs,
            region_order=self.region_order,
            inferer=self.steps.inferer_for(volume, one_more),
            labels=self.labels,
        )
        image = self.steps.image_of(volume)
        try:
            prediction = ensemble.predict(image, transform=self.on_members)
        except CkptUQError:
            raise
        except Exception as error:  # the user's network may raise anything
            where = ", ".join(getattr(error, "__notes__", []))
            raise MemberError(f"{type(error).__name__}: {error} ({where})") from error
        if prediction.grid != volume.data.shape:
            raise MemberError(
                f"the prediction must be on the image's grid (z, y, x) = {volume.data.shape}, got "
                f"{prediction.grid}; bring it back with a postprocess function, and run a 2D network with "
                "the inferer 'slices'"
            )
        return prediction


def predict_case(
    image: Path,
    folder: Path,
    predictor: Predictor,
    *,
    save_probs: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> dict[str, Any]:
    """Predict one image and write its maps on its grid; give back what ``case.json`` says.

    Raises
    ------
    DataError
        The image cannot be read or used.
    MemberError
        The network cannot predict it.
    """
    volume = read_volume(image)
    prediction = predictor.predict(volume, progress)
    information, members = prediction.mutual_information, prediction
    if predictor.on_mean is not None:
        prediction = prediction.recalibrated(predictor.on_mean)
    clear(folder)
    maps = {
        SEGMENTATION: prediction.segmentation,
        ENTROPY: prediction.predictive_entropy,
        MUTUAL_INFORMATION: information,
    }
    for name, data in maps.items():
        write_volume(folder / name, Volume(_stored(data), volume.affine, volume.header))
    if save_probs:
        probs = prediction.mean_prob
        with probabilities_writer(folder / MEAN_PROBS, probs.shape) as write:
            write(probs)
    if predictor.labels:
        write_member_labels(folder / MEMBER_LABELS, members)
    sums = CaseSums(prediction.n_classes, volume.geometry.axial_axis, prediction.region_order)
    sums.update(prediction, information)
    content = asdict(sums.result())
    return content | {"scores": content["scores"] | (member_scores(members) if predictor.labels else {})}


def _stored(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return data.astype(np.float32) if data.dtype.kind == "f" else data
