"""Members by an image: a prediction, in memory that does not grow with the number of members."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ckpt_uq import moments
from ckpt_uq.arrays import as_tensor
from ckpt_uq.errors import ArgumentError, MemberError
from ckpt_uq.members.checkpoints import CheckpointMembers
from ckpt_uq.members.models import ModelMembers
from ckpt_uq.members.softmaxed import looks_softmaxed, require_alike
from ckpt_uq.members.source import Member, MemberSource
from ckpt_uq.members.untouched import same_random_state
from ckpt_uq.moments import EnsembleMoments, Outputs, Transform
from ckpt_uq.prediction import Prediction, check_region_order, of_moments

Inferer = Callable[[Any, Callable[[Any], Any]], Any]


class CheckpointEnsemble:
    r"""Average the members' probabilities and keep what tells their uncertainty.

    Members come one at a time and leave only running means, so memory is that of one member, its output and
    ``(C + 1) * voxels`` numbers, whether there are two members or two hundred. Everything stays on the
    device where the members compute until the last one is done.

    Parameters
    ----------
    members : sequence of callables, or MemberSource
        Torch modules, ONNX Runtime or JAX functions, anything that maps a batch (B, C_in, \*S) to (B, C,
        \*S). Torch modules get tensors and run in eval mode; other callables get the kind of array that was
        passed in.
    outputs : {'logits', 'probs', 'regions'}
        What members return: logits over classes (softmax is taken), class probabilities, or logits of K
        regions that may overlap (sigmoid is taken; one channel is a binary model). For a model that ends in
        a sigmoid itself, pass ``output=torch.logit``.
    output : callable, optional
        Picks the array out of what a member returns, when that is a dict, a tuple or a deep-supervision list.
    inferer : callable, optional
        Called as ``inferer(batch, network)``, such as MONAI's ``SlidingWindowInferer``.
    weights : sequence of float, optional
        One positive weight a member; all equal by default.
    region_order : tuple of int, optional
        For ``outputs='regions'``: the label each channel paints in the segmentation, later ones over earlier
        ones. 1, 2, ... by default.
    variance : bool
        Keep the variance of each probability too, for ``C * voxels`` more numbers.
    labels : bool
        Keep what each member says too, for one byte a voxel and member: pairwise Dice and the volume's
        interval need it.

    Examples
    --------
    >>> ensemble = CheckpointEnsemble([lambda x: x, lambda x: -x])
    >>> prediction = ensemble.predict(torch.tensor([[0.0, 9.0], [0.0, -9.0]]))
    >>> prediction.predictive_entropy
    tensor([1., 1.])
    >>> prediction.mutual_information.round(decimals=2)
    tensor([0., 1.])
    """

    def __init__(
        self,
        members: MemberSource | Sequence[Callable[[Any], Any]],
        *,
        outputs: Outputs = "logits",
        output: Callable[[Any], Any] | None = None,
        inferer: Inferer | None = None,
        weights: Sequence[float] | None = None,
        region_order: tuple[int, ...] | None = None,
        variance: bool = False,
        labels: bool = False,
    ) -> None:
        if outputs not in get_args(Outputs):
            raise ArgumentError(f"outputs must be one of {get_args(Outputs)}, got {outputs!r}")
        if region_order is not None:
            check_region_order(region_order, outputs)
        self._source = members if isinstance(members, MemberSource) else ModelMembers(members)
        self._weights = _member_weights(weights, len(self._source))
        self._outputs: Outputs = outputs
        self._pick = output
        self._inferer = inferer
        self._region_order = region_order
        self._variance = variance
        self._labels = labels

    @classmethod
    def from_run(
        cls,
        run_dir: str | Path,
        model: torch.nn.Module,
        *,
        epochs: Sequence[int] | None = None,
        device: torch.device | str | None = None,
        **options: Any,
    ) -> CheckpointEnsemble:
        """Use the snapshots that a selector kept in a run folder.

        Parameters
        ----------
        run_dir : path
            A folder with a ``manifest.json``.
        model : torch.nn.Module
            The architecture. Each member's weights are put in functionally: the module comes back untouched.
        epochs : sequence of int, optional
            Only the snapshots of these epochs; all that were kept by default.
        device : torch.device or str, optional
            Where members compute; where the model's weights are by default.
        **options
            As for :class:`CheckpointEnsemble`.

        Raises
        ------
        ManifestError
            If there is no usable manifest, or it names no snapshot of the epochs asked for.
        CheckpointError
            When predicting, if a file is damaged or does not fit the model.
        """
        return cls(CheckpointMembers.from_run(run_dir, model, epochs=epochs, device=device), **options)

    @classmethod
    def from_checkpoints(
        cls,
        paths: Sequence[str | Path],
        model: torch.nn.Module,
        *,
        key: str | None = None,
        device: torch.device | str | None = None,
        **options: Any,
    ) -> CheckpointEnsemble:
        """Use checkpoint files of any origin: plain state dicts, Lightning's, nnU-Net's, safetensors.

        Parameters
        ----------
        paths : sequence of paths
            One file a member.
        model, device, **options
            As for :meth:`from_run`.
        key : str, optional
            Where in the file the weights are, when it holds more than them and the usual names do not tell.

        Raises
        ------
        CheckpointError
            When predicting, if a file is damaged, unsafe or does not fit the model.
        """
        return cls(CheckpointMembers(paths, model, key=key, device=device), **options)

    def __len__(self) -> int:
        return len(self._source)

    def predict(
        self, image: Any, *, transform: Transform | None = None, progress: bool = False
    ) -> Prediction:
        r"""Predict one image.

        Parameters
        ----------
        image : array
            Shape (C_in, \*S); NumPy, torch or anything with ``__dlpack__``. Members see it with a batch axis.
        transform : callable, optional
            Maps a member's logits of one image, a tensor (C, \*S), to others before their softmax or sigmoid,
            such as a temperature fitted on other cases.
        progress : bool
            Show a progress bar over the members.

        Returns
        -------
        Prediction
            On the grid of what the members return, with arrays of the image's kind, where it is.

        Raises
        ------
        MemberError
            If a member returns NaN, another shape than the others, or not what ``outputs`` says.
        ArgumentError
            If a transform is given where there are no logits, or returns anything but logits of their shape.
        """
        as_tensor(image, "image")  # or an error that says so
        return self.predict_batch(image[None], transform=transform, progress=progress)[0]

    def predict_batch(
        self, images: Any, *, transform: Transform | None = None, progress: bool = False
    ) -> list[Prediction]:
        r"""Predict several images, loading each member once.

        Parameters
        ----------
        images : array or sequence of arrays
            Shape (B, C_in, \*S), which members see as one batch; or a sequence of (C_in, \*S) of any
            sizes, which they see one at a time. Running means are held for all of them:
            ``(C + 1) * voxels`` numbers an image.
        transform, progress
            As for :meth:`predict`.

        Returns
        -------
        list of Prediction

        Raises
        ------
        MemberError, ArgumentError
            As for :meth:`predict`.
        """
        batches = [image[None] for image in images] if isinstance(images, list | tuple) else [images]
        ways_back = [as_tensor(batch, "images").give_back for batch in batches]
        names, per_batch, softmaxed = self._accumulate(batches, transform, progress=progress)
        predictions = []
        for give_back, several in zip(ways_back, per_batch, strict=True):
            for m in several:
                moments.verify(m, names)
                predictions.append(of_moments(m, self._region_order, give_back))
        if self._outputs == "logits":
            require_alike(names[1:], softmaxed[1:])  # of the first one its moments have told
        return predictions

    def _accumulate(
        self, batches: Sequence[Any], transform: Transform | None = None, *, progress: bool
    ) -> tuple[list[str], list[list[EnsembleMoments]], list[Tensor]]:
        """The members' names, moments of every image of every batch, and whether each member softmaxed them.

        Nothing is read back.
        """
        if not batches or any(len(batch) == 0 for batch in batches):
            raise ArgumentError("images must hold at least one image, got none")
        names: list[str] = []
        per_batch: list[list[EnsembleMoments]] = [[] for _ in batches]
        softmaxed: list[Tensor] = []
        with torch.no_grad(), same_random_state(), _progress_bar(len(self), shown=progress) as advance:
            for member in self._source.members():
                if len(names) == len(self) or not isinstance(member, Member):
                    raise MemberError(
                        f"the source must hand out {len(self)} members, its length, got "
                        f"{type(member).__name__} as number {len(names) + 1}; see ckpt_uq.MemberSource"
                    )
                weight = self._weights[len(names)]
                looks = [
                    self._fold(several, member, batch, weight, transform)
                    for batch, several in zip(batches, per_batch, strict=True)
                ]
                softmaxed.append(torch.stack(looks).all())
                names.append(member.name)
                del member  # before the next one is loaded
                advance()
        if len(names) < len(self):
            raise MemberError(
                f"the source must hand out {len(self)} members, its length, got {len(names)}; see "
                "ckpt_uq.MemberSource"
            )
        return names, per_batch, softmaxed

    def _fold(
        self,
        several: list[EnsembleMoments],
        member: Member,
        batch: Any,
        weight: float,
        transform: Transform | None,
    ) -> Tensor:
        """Fold in what a member says of a batch; return whether that looks like a softmax's output."""
        out = self._run(member, batch)
        if not several:
            dtype = torch.float64 if out.dtype == torch.float64 else torch.float32
            several += [self._init(out, dtype) for _ in out]
        expected = (len(several), *several[0].mean_prob.shape)
        if out.shape != expected:
            raise MemberError(
                f"member {member.name} returned shape {tuple(out.shape)} where those before it returned "
                f"{expected}; all members must predict the same classes on the same grid"
            )
        for m, image in zip(several, out, strict=True):
            moments.update(m, image, weight=weight, transform=transform)
        return looks_softmaxed(out).to(several[0].mean_prob.device)

    def _init(self, out: Tensor, dtype: torch.dtype) -> EnsembleMoments:
        _, n_classes, *grid = out.shape
        return moments.init(
            n_classes,
            grid,
            outputs=self._outputs,
            variance=self._variance,
            labels=self._labels,
            dtype=dtype,
            device=out.device,
        )

    def _run(self, member: Member, batch: Any) -> Tensor:
        def network(x: Any) -> Any:
            returned = member.forward(x)
            return returned if self._pick is None else self._pick(returned)

        prepared = member.prepare(batch)
        try:
            returned = network(prepared) if self._inferer is None else self._inferer(prepared, network)
        except Exception as error:
            error.add_note(f"while member {member.name} predicted")
            raise
        return _checked_output(returned, member.name, len(batch))


def _checked_output(returned: Any, name: str, n_images: int) -> Tensor:
    if isinstance(returned, dict | list | tuple):
        raise MemberError(
            f"member {name} returned a {type(returned).__name__}, expected one array (B, C, *spatial); "
            "pass output=, a function that picks the logits out of it"
        )
    out: Tensor = as_tensor(returned, f"what member {name} returned").data
    if out.ndim < 2 or out.shape[0] != n_images or not out.is_floating_point():
        raise MemberError(
            f"member {name} returned {out.dtype} of shape {tuple(out.shape)}, expected floating point (B, C, "
            f"*spatial) with B = {n_images}"
        )
    return out


def _member_weights(weights: Sequence[float] | None, n_members: int) -> list[float]:
    if weights is None:
        return [1.0] * n_members
    if not isinstance(weights, Sequence | np.ndarray | Tensor):
        raise ArgumentError(f"weights must be {n_members} positive numbers, one a member, got {weights!r}")
    if len(weights) != n_members or not all(math.isfinite(w) and w > 0 for w in weights):
        raise ArgumentError(
            f"weights must be {n_members} positive numbers, one a member, got {list(weights)}; leave out "
            "members instead of weighting them with 0"
        )
    return [float(w) for w in weights]


@contextmanager
def _progress_bar(total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    if not shown:
        yield lambda: None
        return
    from rich.progress import Progress  # only for those who watch

    with Progress() as bar:
        task = bar.add_task("members", total=total)
        yield lambda: bar.advance(task)
