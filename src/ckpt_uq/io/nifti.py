"""NIfTI volumes in the library's axis order; geometry and header are kept."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.io.atomic import atomic_path
from ckpt_uq.io.geometry import Geometry
from ckpt_uq.io.volume import Volume, require_volume

__all__ = ["SUFFIXES", "Volume", "read_geometry", "read_volume", "slab_writer", "write_volume"]

SUFFIXES = (".nii.gz", ".nii")

_UNREADABLE = (
    ImageFileError,
    HeaderDataError,
    WrapStructError,
    OSError,
    EOFError,
    ValueError,
    MemoryError,
    OverflowError,
    zlib.error,
)
_IMAGES: dict[int, Any] = {
    348: nib.Nifti1Image,
    540: nib.Nifti2Image,
}  # by the header's size, its first field
_STORED_AS = {"float16": "float32", "bool": "uint8"}  # NIfTI has no twin of these
_COMPRESSION = 4
_PIECE = 1 << 20


def read_volume(path: str | Path) -> Volume:
    """Read a three-dimensional NIfTI file, version 1 or 2.

    The dtype is the file's; values that are stored with a scale come scaled, as float64.

    Raises
    ------
    DataError
        The file is missing, damaged, no NIfTI, or not a scalar volume of three dimensions.
    """
    path = _nifti_path(path)
    with _reading(path) as stream:
        image_class = _image_class(stream)
        header = image_class.header_class.from_fileobj(stream)
        _require_3d(path, header.get_data_shape())
        stream.seek(0)
        data = np.asarray(image_class.from_stream(stream).dataobj)
        while stream.read(_PIECE):
            pass  # gzip compares its checksum at the very end
        affine = _affine_of(header)
    require_volume(data, DataError, str(path))
    return Volume(data.T, affine, header)


def read_geometry(path: str | Path) -> Geometry:
    """Read where a three-dimensional NIfTI file lies, without its voxels.

    Raises
    ------
    DataError
        The file is missing, its header is damaged, or it is not three-dimensional.
    """
    path = _nifti_path(path)
    with _reading(path) as stream:
        header = _image_class(stream).header_class.from_fileobj(stream)
        affine = _affine_of(header)
    _require_3d(path, header.get_data_shape())
    return Geometry(tuple(int(n) for n in reversed(header.get_data_shape())), affine, header)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume, whole or not at all.

    The same volume makes the same file, byte for byte.

    Parameters
    ----------
    path : path
        Ends in .nii.gz or .nii.
    volume : Volume
        `data` decides the type on disk; float16 becomes float32, bool becomes uint8. Fields of `header` that
        say nothing about type or place are written as they are.

    Raises
    ------
    ArgumentError
        `data` is no scalar volume, or the path's suffix is not NIfTI's.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(f"{folder}/v.nii.gz", Volume(np.ones((2, 3, 4), np.uint8), np.eye(4)))
    ...     read_volume(f"{folder}/v.nii.gz").data.shape
    (2, 3, 4)
    """
    require_volume(volume.data, ArgumentError, "data")
    with slab_writer(path, volume.geometry, volume.data.dtype) as write:
        write(volume.data)


@contextmanager
def slab_writer(
    path: str | Path, geometry: Geometry, dtype: npt.DTypeLike
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Write a volume slab by slab, whole or not at all, without ever holding it.

    Parameters
    ----------
    path : path
        Ends in .nii.gz or .nii.
    geometry : Geometry
        Shape, affine and header of the whole.
    dtype : dtype
        Of the file; float16 becomes float32, bool becomes uint8.

    Yields
    ------
    callable
        Takes the next slices, shape (n, y, x).

    Raises
    ------
    ArgumentError
        The slabs do not make up the shape, or the path's suffix is not NIfTI's.
    """
    path = _nifti_path(path)
    header = _header_for(geometry, np.dtype(dtype))
    stored = header.get_data_dtype()
    n_written = 0
    compressed = path.suffix == ".gz"
    with atomic_path(path) as temporary, _created(temporary, compressed=compressed) as file:
        header.write_to(file)

        def write(slab: npt.NDArray[Any]) -> None:
            nonlocal n_written
            if slab.shape[1:] != geometry.shape[1:] or n_written + len(slab) > geometry.shape[0]:
                raise ArgumentError(
                    f"slabs must make up the shape {geometry.shape}, got {slab.shape} after slice {n_written}"
                )
            file.write(np.ascontiguousarray(slab, stored).data)
            n_written += len(slab)

        yield write
        if n_written != geometry.shape[0]:
            raise ArgumentError(f"slabs must make up the shape {geometry.shape}, got {n_written} slices")


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file, unpacked, and name it in whatever goes wrong."""
    try:
        with gzip.open(path) if path.name.endswith(".gz") else open(path, "rb") as stream:
            yield stream
    except FileNotFoundError:
        raise DataError(f"path must be a NIfTI file, found none at {path}") from None
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable NIfTI file: {error}") from error


def _image_class(stream: IO[bytes] | gzip.GzipFile) -> Any:
    size = stream.read(4)
    stream.seek(0)
    for order in ("little", "big"):
        if (number := int.from_bytes(size, order)) in _IMAGES:
            return _IMAGES[number]
    raise ImageFileError("it does not start with a NIfTI header" if size else "it is empty")


def _affine_of(header: Any) -> npt.NDArray[np.float64]:
    affine: npt.NDArray[np.float64] = header.get_best_affine()
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise HeaderDataError(f"its affine must give every voxel a place, got {affine.tolist()}")
    return affine


def _require_3d(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        raise DataError(f"{path} must hold a volume with 3 axes, got shape {shape}; split other axes first")


def _header_for(geometry: Geometry, dtype: np.dtype[Any]) -> Any:
    """The geometry's own header, changed only where type, shape or place ask for it."""
    shape = geometry.shape[::-1]
    header: Any
    if geometry.header is None:
        voxels = np.broadcast_to(np.zeros((), np.uint8), shape)  # takes no memory
        header = _IMAGES[348](voxels, geometry.affine).header
        header.set_xyzt_units("mm")
    else:
        header = geometry.header.copy()
        if header.get_data_shape() != shape:
            header.set_data_shape(shape)
        if not np.array_equal(header.get_best_affine(), geometry.affine):
            header.set_sform(geometry.affine, code="aligned")
            header.set_qform(geometry.affine, code="unknown")
    if header.get_slope_inter() not in ((None, None), (1.0, 0.0)) or np.isnan(header["scl_slope"]):
        header.set_slope_inter(1.0, 0.0)  # what is written are the values themselves
    header.set_data_dtype(np.dtype(_STORED_AS.get(dtype.name, dtype)).newbyteorder(header.endianness))
    header["vox_offset"] = header.single_vox_offset + header.extensions.get_sizeondisk()
    return header


@contextmanager
def _created(path: Path, *, compressed: bool) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with open(path, "wb") as file:
        if compressed:
            # Without name and time: the same volume, the same file.
            with gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as packed:
                yield packed
        else:
            yield file


def _nifti_path(path: str | Path) -> Path:
    if not str(path).endswith(SUFFIXES):
        raise ArgumentError(f"path must end in {' or '.join(SUFFIXES)}, got {path}")
    return Path(path)
