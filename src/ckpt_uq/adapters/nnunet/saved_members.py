"""Members that have predicted before: folders of the probabilities that nnU-Net has saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.probabilities import SavedProbabilities, find_cases, geometry_beside, open_probabilities


def require_folders(folders: Sequence[Path]) -> list[Path]:
    """Say where the folders are; raise ArgumentError unless all are there, and different."""
    found = [Path(folder).resolve() for folder in folders]
    if len(set(found)) < len(found):
        raise ArgumentError(f"saved must be different folders, got {list(map(str, folders))}")
    for folder in found:
        find_cases(folder)
    return found


@contextmanager
def opened_members(
    folders: Sequence[Path], case: str, geometry: Geometry, n_channels: int
) -> Iterator[list[SavedProbabilities]]:
    """Open what every folder has of a case.

    Parameters
    ----------
    folders : sequence of Path
        Each with CASE.npz as nnU-Net saves it, or another file of :mod:`ckpt_uq.io.probabilities`.
    case : str
        Its name.
    geometry : Geometry
        The image's, on whose grid the probabilities must lie.
    n_channels : int
        Classes or regions that they must have.

    Raises
    ------
    DataError
        A folder has no such case, it cannot be read, or is of another grid or of other labels.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(_opened(folder, case, geometry, n_channels)) for folder in folders]


@contextmanager
def _opened(folder: Path, case: str, geometry: Geometry, n_channels: int) -> Iterator[SavedProbabilities]:
    path = find_cases(folder).get(case)
    if path is None:
        raise DataError(f"every folder of saved members must have {case}, it is missing in {folder}")
    with open_probabilities(path) as member:
        expected = (n_channels, *geometry.shape)
        if member.shape != expected:
            raise DataError(
                f"{path} must have the classes or regions of the models and the grid of the image, "
                f"(C, z, y, x) = {expected}, got {member.shape}"
            )
        beside = geometry_beside(path)
        difference = beside and geometry.difference(beside)
        if difference:
            raise DataError(
                f"{path} must lie where the image lies, got {difference} in the NIfTI beside it; predict it "
                "from the same image"
            )
        yield member
