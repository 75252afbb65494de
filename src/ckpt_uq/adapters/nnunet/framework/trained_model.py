"""A trained model folder of nnU-Net, opened: preprocessing and prediction are nnU-Net's own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor

from ckpt_uq.adapters.nnunet.flips import Flipped, Mirroring, flips_of
from ckpt_uq.adapters.nnunet.framework.network import build_network
from ckpt_uq.adapters.nnunet.framework.preprocessing import preprocessed
from ckpt_uq.adapters.nnunet.json_object import read_object
from ckpt_uq.adapters.nnunet.model_folder import MemberFile, describing_checkpoint
from ckpt_uq.adapters.nnunet.placement import PlacedLogits, Placement
from ckpt_uq.checkpoints import check_fits, load_entries, load_weights
from ckpt_uq.errors import ArgumentError, CheckpointError, DataError, MemberError

_DESCRIPTION = ("trainer_name", "init_args", "inference_allowed_mirroring_axes")


@dataclass(frozen=True)
class Preprocessed:
    """An image as the network sees it.

    Attributes
    ----------
    data : Tensor
        Shape (C_in, *S).
    placement : Placement
        Where it lies in the image.
    """

    data: Tensor
    placement: Placement


class TrainedModel:
    """One architecture of nnU-Net and its checkpoints, one of which is in memory at a time.

    Parameters
    ----------
    folder : Path
        ``TRAINER__PLANS__CONFIGURATION``.
    members : sequence of MemberFile
        Its checkpoints.
    device : torch.device
        Where the network computes.
    mirroring : {'average', 'members', 'none'}
        Average the logits of all flips, as nnU-Net does; or take every flip as a member; or do not flip.
    step_size : float
        Step of the sliding window, as a share of the patch.

    Raises
    ------
    ArgumentError
        The model is the second stage of a cascade, or its trainer is not installed.
    CheckpointError
        Nothing says how the network was trained.
    """

    def __init__(
        self,
        folder: Path,
        members: Sequence[MemberFile],
        device: torch.device,
        *,
        mirroring: Mirroring = "average",
        step_size: float = 0.5,
    ) -> None:
        self.members = tuple(members)
        self.dataset = read_object(folder / "dataset.json")
        described = load_entries(describing_checkpoint(folder, members), _DESCRIPTION)
        trainer, configuration = _trained_by(described, folder)
        self._plans = PlansManager(read_object(folder / "plans.json"))
        self._configuration = _configuration_of(self._plans, configuration, folder)
        self.labels = self._plans.get_label_manager(self.dataset)
        self.n_channels_in = int(determine_num_input_channels(self._plans, self._configuration, self.dataset))
        axes = described.get("inference_allowed_mirroring_axes")
        self._flips = flips_of(axes) if mirroring == "members" else [()]
        sizes = (self.n_channels_in, self.n_channels_out)
        self._network = build_network(trainer, self._plans, self._configuration, *sizes).to(device)
        self._verified: set[Path] = set()
        with _quiet():
            self._predictor = nnUNetPredictor(
                tile_step_size=step_size,
                use_mirroring=mirroring == "average",
                perform_everything_on_device=device.type == "cuda",
                device=device,
                allow_tqdm=False,
            )
            self._predictor.manual_initialization(
                self._network, self._plans, self._configuration, None, self.dataset, trainer, axes
            )

    @property
    def axes(self) -> tuple[int, ...]:
        """The image's axes in the order that the network sees them."""
        return tuple(int(axis) for axis in self._plans.transpose_forward)

    @property
    def n_channels_out(self) -> int:
        """Classes, or regions."""
        return int(self.labels.num_segmentation_heads)

    @property
    def _per_slice(self) -> bool:
        return len(self._configuration.patch_size) == 2

    @property
    def region_order(self) -> tuple[int, ...] | None:
        """For regions: the label that each one paints."""
        if not self.labels.has_regions:
            return None
        return tuple(int(label) for label in self.labels.regions_class_order)

    @property
    def n_predictions(self) -> int:
        """Members, every flip counted where flips are members."""
        return len(self.members) * len(self._flips)

    def preprocess(self, files: Sequence[Path]) -> Preprocessed:
        """Read an image and bring it to the network's grid.

        Raises
        ------
        DataError
            nnU-Net cannot read it.
        """
        try:
            with _quiet():
                data, properties = preprocessed(files, self._plans, self._configuration, self.dataset)
        except Exception as error:  # nnU-Net's readers raise whatever theirs do
            raise DataError(
                f"nnU-Net cannot preprocess {files[0]}, {type(error).__name__}: {str(error).strip()}"
            ) from error
        return Preprocessed(
            torch.from_numpy(data).to(torch.float32).contiguous(), self._placement(properties)
        )

    def predict(
        self, image: Preprocessed, axes: tuple[int, ...], depth: int
    ) -> Iterator[tuple[str, Iterator[PlacedLogits]]]:
        """Predict an image with one member after the other.

        A network that predicts every slice alone (2d) is given some slices at a time. Its logits are the same
        to the last bit, and nnU-Net's buffers, 2 (C + 1) bytes a voxel and as much again for a moment, are
        only of these slices.

        Parameters
        ----------
        image : Preprocessed
            The image.
        axes : tuple of int
            The image's axes in the order that the logits' slabs shall have.
        depth : int
            Slices in a part.

        Yields
        ------
        str
            The member's name.
        iterator of PlacedLogits
            What it says, part by part along the first of `axes`, predicted when it is asked for: to be used
            before the next member is.

        Raises
        ------
        CheckpointError
            A file is damaged or does not fit.
        MemberError
            The network fails.
        """
        for member in self.members:
            self._load(member)
            for flip in self._flips:
                name = member.name + (f" flipped along {flip}" if flip else "")
                yield name, self._parts(image, flip, name, axes, depth)

    def _parts(
        self, image: Preprocessed, flip: tuple[int, ...], name: str, axes: tuple[int, ...], depth: int
    ) -> Iterator[PlacedLogits]:
        placement = image.placement
        if not self._per_slice or placement.turned_to(axes) != (0, 1, 2):
            yield self._placed(self._logits(image.data, flip, name), placement, axes)
            return
        n_seen = 0
        for start in range(0, placement.shape[0], depth):
            here = placement.slices(start, min(start + depth, placement.shape[0]))
            seen = image.data[:, n_seen : n_seen + here.box_shape[0]]
            n_seen += here.box_shape[0]
            yield self._placed(self._logits(seen, flip, name), here, axes)

    def _load(self, member: MemberFile) -> None:
        expected = None if member.path in self._verified else member.record
        weights = load_weights(member.path, expected=expected)
        self._verified.add(member.path)
        self._network.load_state_dict(check_fits(weights, self._network, member.path))

    def _logits(self, data: Tensor, flip: tuple[int, ...], name: str) -> Tensor:
        if not data.shape[1]:  # nothing but what nnU-Net has cropped
            return torch.empty((self.n_channels_out, *data.shape[1:]), dtype=torch.half)
        network = self._predictor.network
        try:
            with _quiet():
                if flip:
                    self._predictor.network = Flipped(network, flip)
                logits: Tensor = self._predictor.predict_sliding_window_return_logits(data).cpu()
        except Exception as error:  # any network of any trainer
            raise MemberError(f"member {name} failed, {type(error).__name__}: {error}") from error
        finally:
            self._predictor.network = network
        return logits

    def _placed(self, logits: Tensor, placement: Placement, axes: tuple[int, ...]) -> PlacedLogits:
        return PlacedLogits(
            logits,
            placement,
            self._configuration.resampling_fn_probabilities,
            axes,
            per_slice=self._per_slice,
            regions=self.labels.has_regions,
        )

    def _placement(self, properties: dict[str, Any]) -> Placement:
        axes = self.axes
        spacing = tuple(float(properties["spacing"][axis]) for axis in axes)
        network = tuple(float(mm) for mm in self._configuration.spacing)
        box = tuple((int(start), int(stop)) for start, stop in properties["bbox_used_for_cropping"])
        shape = tuple(int(n) for n in properties["shape_before_cropping"])
        # A 2d configuration leaves the spacing between slices as it is.
        return Placement(axes, shape, box, spacing, network if len(network) == 3 else (spacing[0], *network))


def _trained_by(described: dict[str, Any], folder: Path) -> tuple[str, str]:
    trainer = described.get("trainer_name")
    arguments = described.get("init_args")
    configuration = arguments.get("configuration") if isinstance(arguments, dict) else None
    if not isinstance(trainer, str) or not isinstance(configuration, str):
        raise CheckpointError(
            f"the checkpoints of {folder} must say trainer_name and init_args['configuration'], as those of "
            f"nnU-Net 2 do, got {trainer!r} and {configuration!r}"
        )
    return trainer, configuration


def _configuration_of(plans: Any, name: str, folder: Path) -> Any:
    if name not in plans.available_configurations:
        raise ArgumentError(f"{folder}/plans.json must have the configuration {name} that was trained")
    configuration = plans.get_configuration(name)
    if configuration.previous_stage_name is not None:
        raise ArgumentError(
            f"{folder} must not be the second stage of a cascade, which needs the segmentations of its "
            "first; predict with another configuration"
        )
    return configuration


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep nnU-Net's words to itself: what a command prints may be read by a program."""
    with redirect_stdout(io.StringIO()):
        yield
