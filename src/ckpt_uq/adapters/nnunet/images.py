"""Cases as nnU-Net names them: CASE_0000.nii.gz, one file a channel."""

from __future__ import annotations

import re
from pathlib import Path

from ckpt_uq.errors import ArgumentError, DataError

SUFFIXES = (".nii.gz", ".nii")


def find_cases(folder: str | Path, ending: str) -> dict[str, list[Path]]:
    """Map the name of every case of a folder to the files of its channels, in order.

    Parameters
    ----------
    folder : path
        Holds ``CASE_0000`` + `ending`, ``CASE_0001`` + `ending`, and so on.
    ending : str
        The data set's ``file_ending``; maps come as NIfTI, so images must be NIfTI too.

    Raises
    ------
    ArgumentError
        There is no such folder, or the data set is of another format.
    DataError
        The folder holds no image.
    """
    folder = Path(folder)
    if ending not in SUFFIXES:
        raise ArgumentError(f"file_ending must be {' or '.join(SUFFIXES)}, got {ending}; convert the images")
    if not folder.is_dir():
        raise ArgumentError(f"images must be a folder of CASE_0000{ending}, found none at {folder}")
    named = re.compile(rf"(.+)_(\d{{4}}){re.escape(ending)}")
    cases: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if (found := named.fullmatch(path.name)) and not path.name.startswith("."):
            cases.setdefault(found[1], []).append(path)
    if not cases:
        raise DataError(
            f"images must be named CASE_0000{ending}, with the number of the channel, found none in {folder}"
        )
    return cases


def case_of(file: Path) -> str:
    """Name of the case that a channel is of.

    Examples
    --------
    >>> case_of(Path("imagesTs/case_00012_0000.nii.gz"))
    'case_00012'
    """
    return file.name.rsplit("_", 1)[0]


def require_channels(files: list[Path], n_channels: int) -> None:
    """Raise DataError unless a case has the channels that the network was trained on, 0 to one less."""
    numbers = [int(path.name.rsplit("_", 1)[1][:4]) for path in files]
    if numbers != list(range(n_channels)):
        raise DataError(
            f"a case must have the channels {list(range(n_channels))}, got {numbers}: "
            f"{', '.join(path.name for path in files)}"
        )


def part(cases: dict[str, list[Path]], n_parts: int, part_id: int) -> dict[str, list[Path]]:
    """Every `n_parts`-th case from number `part_id` on, as nnU-Net divides them.

    Examples
    --------
    >>> list(part({"a": [], "b": [], "c": []}, n_parts=2, part_id=0))
    ['a', 'c']
    """
    if n_parts < 1 or not 0 <= part_id < n_parts:
        raise ArgumentError(f"part_id must be 0 to num_parts - 1, got part {part_id} of {n_parts}")
    return {name: cases[name] for name in list(cases)[part_id::n_parts]}
