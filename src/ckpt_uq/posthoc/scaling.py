"""One scale and one shift a class: temperature, class-wise and vector scaling alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ckpt_uq.errors import ArgumentError


@dataclass(frozen=True)
class LogitScaling:
    r"""Scale and shift the logits of each class.

    .. math:: z'_k = a_k z_k + b_k

    Parameters
    ----------
    scale : tuple of float
        One positive number for all classes (the inverse of a temperature), or one a class.
    shift : tuple of float
        As many numbers.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[2.0], [0.0]])
    >>> LogitScaling.of_temperature(2.0)(logits)
    tensor([[1.],
            [0.]])
    >>> LogitScaling(scale=(1.0, 1.0), shift=(0.0, 3.0))(logits)
    tensor([[2.],
            [3.]])
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.scale or len(self.scale) != len(self.shift):
            raise ArgumentError(
                f"scale and shift must be equally long, got {len(self.scale)} and {len(self.shift)} numbers"
            )
        if not all(math.isfinite(a) and a > 0 for a in self.scale) or not all(map(math.isfinite, self.shift)):
            raise ArgumentError(
                f"scale must be positive and shift finite, got {self.scale} and {self.shift}; a scale of 0 "
                "would forget the prediction"
            )

    @classmethod
    def of_temperature(cls, temperature: float) -> LogitScaling:
        """Divide all logits by a temperature; above 1 it takes confidence away."""
        if not (math.isfinite(temperature) and temperature > 0):
            raise ArgumentError(f"temperature must be positive and finite, got {temperature}")
        return cls((1 / temperature,), (0.0,))

    @property
    def temperature(self) -> tuple[float, ...]:
        """The inverse of the scale."""
        return tuple(1 / a for a in self.scale)

    def __call__(self, logits: Tensor) -> Tensor:
        r"""Map logits of shape (C, \*S)."""
        if len(self.scale) not in (1, len(logits)):
            raise ArgumentError(
                f"logits must have the {len(self.scale)} classes that the scaling was made for, got shape "
                f"{tuple(logits.shape)}"
            )
        per_class = (-1, *[1] * (logits.ndim - 1))
        scale, shift = (logits.new_tensor(numbers).view(per_class) for numbers in (self.scale, self.shift))
        return logits * scale + shift
