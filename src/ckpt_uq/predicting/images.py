"""Which cases there are: images by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from ckpt_uq.errors import ArgumentError, DataError

SUFFIXES = (".nii.gz", ".nii", ".npy", ".npz", ".zarr", ".png")


def find_images(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Map the names of cases to their images.

    Parameters
    ----------
    paths : iterable of path
        Images, and folders of images; folders within folders are passed over. A case is named as its file,
        without the suffix.

    Raises
    ------
    ArgumentError
        A path is neither image nor folder, or two images have one name.
    DataError
        There is no image.
    """
    given = [Path(path) for path in paths]
    images: dict[str, Path] = {}
    for path in chain.from_iterable(_images_at(path) for path in given):
        name = case_name(path)
        if name in images:
            raise ArgumentError(
                f"images must have different names, got {images[name]} and {path}; rename one"
            )
        images[name] = path
    if not images:
        raise DataError(
            f"images must end in {', '.join(SUFFIXES)}, found none in {', '.join(map(str, given))}"
        )
    return images


def case_name(path: Path) -> str:
    """Name of a file without the suffix of its format.

    Examples
    --------
    >>> case_name(Path("scans/case_0001.nii.gz"))
    'case_0001'
    """
    suffix = next(suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix))
    return path.name[: -len(suffix)]


def _images_at(path: Path) -> Iterator[Path]:
    if path.name.lower().endswith(SUFFIXES):
        yield path  # one that cannot be read is a failed case, not the end of all
    elif path.is_dir():
        found = (file for file in sorted(path.iterdir()) if not file.name.startswith("."))
        yield from (file for file in found if file.name.lower().endswith(SUFFIXES))
    else:
        raise ArgumentError(f"images must end in {', '.join(SUFFIXES)} or be folders of such, got {path}")
