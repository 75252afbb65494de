"""Where one file's bytes lie inside a zip archive."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of name and extra field
_ENCRYPTED = 0x1


class ZipPart(NamedTuple):
    """Bytes [start, stop) of the archive; `n_bytes` and `checksum` (CRC-32) are of the unpacked content."""

    start: int
    stop: int
    deflated: bool
    n_bytes: int
    checksum: int


def find_part(path: Path, names: Sequence[str]) -> ZipPart:
    """Find the first of some names in an archive, without unpacking.

    Raises
    ------
    ValueError
        The file is no whole zip archive, has none of the names, or packs it in another way than NumPy does.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            return _locate(file, _info(archive, names))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error) as error:
        raise ValueError(f"it is no whole .npz file ({error}), is it truncated?") from error


def _info(archive: zipfile.ZipFile, names: Sequence[str]) -> zipfile.ZipInfo:
    there = archive.namelist()
    found = next((name for name in names if name in there), None)
    if found is None:
        raise ValueError(
            f"it must have one of {', '.join(names)} inside, got {', '.join(there) or 'nothing'}"
        )
    info = archive.getinfo(found)
    if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"{found} must be packed as numpy.savez or savez_compressed do; save it again with them"
        )
    return info


def _locate(file: IO[bytes], info: zipfile.ZipInfo) -> ZipPart:
    file.seek(info.header_offset)
    signature, *lengths = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        raise zipfile.BadZipFile("a file's beginning is missing")
    start = info.header_offset + _LOCAL_HEADER.size + sum(lengths)
    return ZipPart(
        start,
        start + info.compress_size,
        info.compress_type == zipfile.ZIP_DEFLATED,
        info.file_size,
        info.CRC,
    )
