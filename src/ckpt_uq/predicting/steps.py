"""The user's own steps around the network, and what is done without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ckpt_uq.arrays import as_tensor
from ckpt_uq.errors import DataError, MemberError
from ckpt_uq.io.volume import Volume

Array = npt.NDArray[Any]


def standardised(volume: Volume) -> Array:
    """The image with zero mean and unit variance, as one channel on its own grid, shape (1, z, y, x).

    Examples
    --------
    >>> standardised(Volume(np.array([[[1.0, 3.0]]]), np.eye(4)))
    array([[[[-1.,  1.]]]], dtype=float32)
    """
    image = volume.data.astype(np.float64)
    spread = image.std()
    centred: Array = (image - image.mean()) / (spread if spread > 0 else 1.0)
    return centred.astype(np.float32)[None]


@dataclass(frozen=True)
class Steps:
    r"""From a volume to the network's input, and from its output to the volume's grid.

    Attributes
    ----------
    preprocess : callable
        Maps a :class:`~ckpt_uq.io.volume.Volume` to an array (C_in, \*S), floating point, any grid S.
    postprocess : callable, optional
        Maps one member's output, a tensor (C, \*S'), and the Volume to an array (C, z, y, x) on the volume's
        grid, before probabilities are averaged. Without it the output must lie on that grid already.
    inferer : callable, optional
        Called as ``inferer(batch, network)``, such as :func:`~ckpt_uq.predicting.slices.slices`.
    """

    preprocess: Callable[[Volume], Any] = standardised
    postprocess: Callable[[Tensor, Volume], Any] | None = None
    inferer: Callable[[Tensor, Callable[[Tensor], Any]], Any] | None = None

    def image_of(self, volume: Volume) -> Array:
        """What the network sees.

        Raises
        ------
        DataError
            The preprocessing failed, or gave what no network can take.
        """
        try:
            image = np.asarray(self.preprocess(volume))
        except Exception as error:  # the user's code may raise anything
            raise DataError(f"preprocess failed, {type(error).__name__}: {error}") from error
        if image.ndim < 2 or image.dtype.kind != "f":
            raise DataError(
                f"preprocess must return floating point (C_in, *S), got {image.dtype} of shape {image.shape}"
            )
        if not np.isfinite(image).all():
            raise DataError("preprocess must return finite numbers, got NaN or infinity; look at the image")
        return image

    def inferer_for(self, volume: Volume, each: Callable[[], None]) -> Callable[[Any, Any], Any]:
        """An inferer that answers on the volume's grid, and calls `each` after every member."""

        def infer(batch: Tensor, network: Callable[[Tensor], Any]) -> Any:
            out = network(batch) if self.inferer is None else self.inferer(batch, network)
            each()
            if self.postprocess is None or not isinstance(out, Tensor):
                return out
            return self._on_grid(out[0], volume)[None]

        return infer

    def _on_grid(self, out: Tensor, volume: Volume) -> Tensor:
        assert self.postprocess is not None
        try:
            native: Tensor = as_tensor(self.postprocess(out, volume), "what postprocess returned").data
        except Exception as error:  # the user's code may raise anything
            raise MemberError(f"postprocess failed, {type(error).__name__}: {error}") from error
        if native.ndim != 4 or tuple(native.shape[1:]) != volume.data.shape:
            raise MemberError(
                f"postprocess must return (C, z, y, x) on the image's grid {volume.data.shape}, got shape "
                f"{tuple(native.shape)}"
            )
        return native
