"""Regions that may overlap, and which labels of the truth each of them holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ckpt_uq.errors import ArgumentError
from ckpt_uq.evaluating.predictions import Labels


@dataclass(frozen=True)
class LabelledRegion:
    """One channel of a network that predicts regions.

    Attributes
    ----------
    name : str
        What it is called in tables.
    labels : tuple of int
        A voxel is in the region if it has one of these.
    """

    name: str
    labels: tuple[int, ...]

    def truth_in(self, truth: Labels) -> Labels:
        """1 in the region, 0 outside."""
        return np.isin(truth, self.labels).astype(np.int32)


def labelled_regions(text: str) -> tuple[LabelledRegion, ...]:
    """Read ``NAME=LABEL+LABEL,...``, one region a channel, in the order of the channels.

    Raises
    ------
    ArgumentError
        If it is written otherwise, or names a region twice.

    Examples
    --------
    >>> labelled_regions("mass=2+3,tumour=2")
    (LabelledRegion(name='mass', labels=(2, 3)), LabelledRegion(name='tumour', labels=(2,)))
    """
    regions = []
    for part in text.split(","):
        name, _, labels = part.partition("=")
        numbers = labels.split("+")
        if not name.strip() or not all(number.strip().isdecimal() for number in numbers):
            raise ArgumentError(
                "regions must be NAME=LABEL+LABEL with commas between them, as mass=2+3,tumour=2, got "
                f"{part!r}"
            )
        regions.append(LabelledRegion(name.strip(), tuple(map(int, numbers))))
    if len({region.name for region in regions}) < len(regions):
        raise ArgumentError(f"regions must have different names, got {text!r}")
    return tuple(regions)
